package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/plugins/digest/view"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

// community is a bot that has learned one answer in a public channel and one in a
// group that is not.
func community(t *testing.T, config string) *sdktest.Bot {
	t.Helper()
	b := sdktest.New(t, sdktest.Options{Config: config})
	learn(b, "#general", "How do I write to a nil map in Go?", "Make it first with make(map[string]int), writing to a nil map panics.")
	learn(b, "#secret", "How do I rotate the staging database password?", "Run the staging script and rotate the password.")
	b.Advance(time.Minute)
	b.Configure(config)
	return b
}

// learn has ann ask, bob answer in the thread, and ann mark it.
func learn(b *sdktest.Bot, where, question, answer string) {
	ann := b.Member("ann")
	ann.Says(where, question)
	id := root(b)
	say(b, "bob", where, id, "r"+id, answer)
	ann.Reacts(where, "white_check_mark", "r"+id)
}

// root is the id of the question that was asked last.
func root(b *sdktest.Bot) string {
	for _, w := range b.Effects().Writes {
		if key, ok := strings.CutPrefix(w.Key, "c/thread/"); ok {
			_, id, _ := strings.Cut(key, "%20")
			return id
		}
	}
	return ""
}

// say posts in a thread.
func say(b *sdktest.Bot, name, where, thread, id, text string) {
	b.Do(abi.Event{Kind: abi.MessagePosted, Conversation: channel(where), Member: who(name), Message: &abi.Message{ID: id, Thread: thread, Text: text}})
}

func who(name string) abi.Member {
	return abi.Member{ID: "test:" + name, Name: strings.ToUpper(name[:1]) + name[1:]}
}

func channel(where string) abi.Conversation {
	name := strings.TrimPrefix(where, "#")
	return abi.Conversation{ID: "test:" + name, Kind: abi.Channel, Name: name}
}

func ask[T any](t *testing.T, b *sdktest.Bot, path, role string, params ...string) (v T) {
	t.Helper()
	got := b.Query(path, role, params...)
	if got.Status != 0 && got.Status != 200 {
		t.Fatalf("%s for %q: %d %s", path, role, got.Status, got.Body)
	}
	if err := json.Unmarshal(got.Body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWhoSeesWhat asks for everything as everybody: what was asked where not all
// can read is for managers.
func TestWhoSeesWhat(t *testing.T) {
	b := community(t, `{"public": ["general"], "answers": "off"}`)
	for _, c := range []struct {
		role, place string
		topics      int
	}{{"", "", 1}, {"viewer", "", 1}, {"", "test:secret", 2}, {"", "test:random", 1}, {"manager", "", 2}, {"admin", "", 2}} {
		k := ask[view.Knowledge](t, b, "/knowledge", c.role, "place", c.place)
		e := ask[view.Knowledge](t, b, "/export", c.role, "place", c.place)
		if k.Total != c.topics || len(k.Topics) != c.topics || len(e.Topics) != c.topics {
			t.Errorf("%q at %q sees %d topics, and %d in the export, not %d", c.role, c.place, len(k.Topics), len(e.Topics), c.topics)
		}
		secret := ask[view.Answers](t, b, "/answers", c.role, "place", c.place, "q", "how do I rotate the staging database password?")
		if secret.Found != (c.topics == 2) || secret.Found == (secret.Topic == nil) {
			t.Errorf("%q at %q is told %+v", c.role, c.place, secret)
		}
		open := ask[view.Answers](t, b, "/answers", c.role, "place", c.place, "q", "how can I write to a nil map?")
		if !open.Found || open.Topic.Answer.Why != "accepted" || open.Topic.Answer.Author != "Bob" || open.Topic.Answer.Source.Channel != "general" {
			t.Errorf("%q is told %+v", c.role, open)
		}
	}
	for path, status := range map[string]int{"/queue": 403, "/topic?id=77": 404, "/answers": 400} {
		path, id, _ := strings.Cut(path, "?id=")
		if got := b.Query(path, "viewer", "id", id); got.Status != status {
			t.Errorf("%s gives %d, not %d", path, got.Status, status)
		}
	}
}

// TestWaiting asks for what has no answer yet: one in the thread that was marked ends
// that, as one does that a maintainer wrote, and so does a week.
func TestWaiting(t *testing.T) {
	const config = `{"public": ["general"], "answers": "off"}`
	b := community(t, config)
	settle := func() { b.Advance(time.Minute); b.Configure(config) }
	waits := func(role string) (titles []string) {
		t.Helper()
		k := ask[view.Knowledge](t, b, "/knowledge", role, "order", "waiting")
		for _, topic := range k.Topics {
			titles = append(titles, topic.Title)
		}
		if k.Total != len(titles) {
			t.Errorf("%d wait, and %q", k.Total, titles)
		}
		return titles
	}
	if got := waits("manager"); got != nil {
		t.Errorf("all are answered, and %q wait", got)
	}
	for id, q := range map[string][2]string{"q1": {"#general", "Why is the build of my module so slow?"}, "q2": {"#secret", "Who can restart the printer in the office?"}, "q3": {"#general", "How do I stop a goroutine from outside?"}} {
		say(b, "eve", q[0], "", id, q[1])
	}
	settle()
	if viewer, manager := waits("viewer"), waits("manager"); len(viewer) != 2 || len(manager) != 3 {
		t.Errorf("a viewer sees %q wait, a manager %q", viewer, manager)
	}
	say(b, "bob", "#general", "q3", "a3", "You cannot stop a goroutine from outside: give it a context, and have it look at ctx.Done().")
	b.Member("eve").Reacts("#general", "white_check_mark", "a3")
	for _, topic := range ask[view.Knowledge](t, b, "/knowledge", "manager").Topics {
		if strings.Contains(topic.Title, "printer") {
			b.Do(abi.Event{Kind: abi.PluginEvent, Custom: &abi.Custom{Name: "hearth/knowledge", Props: []abi.Annotation{{Name: "by", Value: "Mia"}, {Name: "op", Value: "answer"}, {Name: "text", Value: "The porter can."}, {Name: "topic", Value: itoa(int(topic.ID))}}}})
		}
	}
	settle()
	if got := waits("manager"); len(got) != 1 || !strings.Contains(got[0], "slow") {
		t.Errorf("%q wait", got)
	}
	b.Advance(8 * 24 * time.Hour)
	if got := waits("manager"); got != nil {
		t.Errorf("after a week %q wait", got)
	}
}

// TestEditionsAreNamed: a digest is called by its kind and day, as the API says.
func TestEditionsAreNamed(t *testing.T) {
	const config = `{"public": ["*"], "answers": "off", "post": ["test:general"], "weekly": "monday"}`
	b := community(t, config)
	day := b.Now()
	for range 15 {
		b.Advance(24 * time.Hour)
		learn(b, "#general", "How do I write to a nil map in Go?", "Make it first with make(map[string]int), writing to a nil map panics.")
		b.Schedule("hour")
		b.Advance(time.Minute)
		b.Configure(config)
	}
	var keys []string
	for after := ""; ; {
		e := ask[view.Editions](t, b, "/editions", "manager", "after", after)
		for _, x := range e.Editions {
			keys = append(keys, x.Key)
			kind, at, _ := strings.Cut(x.Key, ":")
			first := time.UnixMilli(x.From).UTC().Format(time.DateOnly)
			if kind != "day" && kind != "week" || at != first && x.To-x.From <= (7*24*time.Hour).Milliseconds() && kind == "week" {
				t.Errorf("an edition from %s is called %q", first, x.Key)
			}
		}
		if after = e.Next; after == "" {
			break
		}
	}
	if got := strings.Join(keys, " "); !strings.Contains(got, "day:"+day.Format(time.DateOnly)) || !strings.Contains(got, "week:2024-06-10") {
		t.Errorf("from %v on there are %q", day, keys)
	}
}

// TestEdits has questions and answers say something else.
func TestEdits(t *testing.T) {
	const config = `{"public": ["*"], "answers": "off"}`
	b := sdktest.New(t, sdktest.Options{Config: config})
	ann := b.Member("ann")
	edit := func(name, id, thread, was, is string) {
		b.Do(abi.Event{Kind: abi.MessageEdited, Conversation: channel("#general"), Member: who(name), Message: &abi.Message{ID: id, Thread: thread, Text: is, OldText: was}})
		b.Advance(time.Minute)
		b.Configure(config)
	}
	topics := func() []view.Topic { return ask[view.Knowledge](t, b, "/knowledge", "manager").Topics }

	say(b, "ann", "#general", "", "q", "good morning everyone")
	edit("ann", "q", "", "good morning everyone", "how do I read a file line by line in Go?")
	if all := topics(); len(all) != 1 || all[0].Answer != nil {
		t.Fatalf("a message that became a question: %+v", all)
	}
	say(b, "bob", "#general", "q", "a", "use ioutil and read a file")
	ann.Reacts("#general", "white_check_mark", "a")
	edit("bob", "a", "q", "use ioutil and read a file", "use bufio.Scanner to read a file")
	if all := topics(); all[0].Answer == nil || all[0].Answer.Text != "use bufio.Scanner to read a file" {
		t.Fatalf("an answer that was edited: %+v", all[0].Answer)
	}
	edit("ann", "q", "", "", "how do I parse JSON with unknown fields?")
	all := topics()
	if len(all) != 1 || !strings.Contains(all[0].Title, "JSON") || all[0].Asked != 1 {
		t.Errorf("a question that was edited: %+v", all)
	}
	b.Do(abi.Event{Kind: abi.MessageDeleted, Conversation: channel("#general"), Member: who("ann"), Message: &abi.Message{ID: "q"}})
	b.Advance(time.Minute)
	b.Configure(config)
	if all := topics(); len(all) != 0 {
		t.Errorf("a question that was deleted: %+v", all)
	}
	for _, row := range b.Rows() {
		key := row.Key
		if strings.HasPrefix(key, "c/thread") || strings.HasPrefix(key, "c/reply") || strings.HasPrefix(key, "m/") || strings.HasPrefix(key, "c/topic") {
			t.Errorf("%s is still there", key)
		}
	}
}
