package host

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
)

// outside is GitHub and the machines of members, in memory.
type outside struct {
	mu     sync.Mutex
	shows  map[string]string // by account
	err    error
	tokens map[string]int
	named  []string // of fake:ada
}

func (o *outside) Linking() bool { return true }

func (o *outside) Shows(_ context.Context, account, text string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Contains(o.shows[strings.ToLower(account)], text), o.err
}

func (o *outside) Code(_ context.Context, member string) (string, string, time.Duration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens[member]++
	return "the-code-of-" + abi.LocalID(member), "https://hearth.example.org", 10 * time.Minute, nil
}

func (o *outside) Forget(_ context.Context, member string, _ audit.Person) (map[string]int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.tokens[member]
	delete(o.tokens, member)
	return map[string]int{"tokens": n}, nil
}

func (o *outside) Named(p audit.Person) []string {
	if p.Is("fake:ada") {
		return o.named
	}
	return nil
}

func (o *outside) show(account, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shows[account] = text
}

func (o *outside) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func newOutside() *outside { return &outside{shows: map[string]string{}, tokens: map[string]int{}} }

var codeText = regexp.MustCompile(`hearth-[a-z2-9]{5}-[a-z2-9]{5}`)

// claims has a member claim an account and returns the code that they are told.
func (b *bot) claims(member, handle string) string {
	b.t.Helper()
	n := len(b.platform.sent())
	b.orders(member, "en", "link github "+handle)
	later(time.Second)
	for _, d := range b.platform.sent()[n:] {
		if code := codeText.FindString(chat.PlainText(d.Content)); code != "" && d.Member == member {
			return code
		}
	}
	b.t.Fatalf("%s is told no code", member)
	return ""
}

// whose holds an account to being a member's.
func (b *bot) whose(handle, member string) {
	b.t.Helper()
	if got, err := b.MemberByHandle(b.t.Context(), handle); err != nil || got != member {
		b.t.Errorf("%s is whose? %q, %v; want %q", handle, got, err, member)
	}
}

func TestLink(t *testing.T) {
	in(t, func(t *testing.T) {
		out := newOutside()
		b := newBot(t, Options{House: true, Outside: out})
		b.start()
		done := func(member string) {
			t.Helper()
			if o, err := b.press(member, "I have done it"); err != nil || o != chat.Accepted {
				t.Fatal(o, err)
			}
		}
		b.orders("fake:ada", "en", "link github")
		b.says("@fake:ada", "You have not linked a GitHub account")
		b.orders("fake:ada", "en", "link github -ada-")
		b.says("@fake:ada", "GitHub has no account of a person that is called “-ada-”")

		code := b.claims("fake:ada", "https://github.com/Ada-L")
		if again := b.claims("fake:ada", "@ada-l"); again != code {
			t.Errorf("asked again the code is another: %s, %s", code, again)
		}
		b.whose("ada-l", "") // nothing is hers before it is confirmed
		done("fake:ada")
		b.says("@fake:ada", "I do not see the code at ada-l yet")
		out.show("ada-l", "hearth-aaaaa-aaaaa")
		done("fake:ada")
		b.whose("ada-l", "")
		out.fail(chat.ErrBusy)
		done("fake:ada")
		b.says("@fake:ada", "GitHub does not let me look at present")
		out.fail(nil)

		// What one member shows is no proof for another.
		out.show("ada-l", "my code: "+code)
		other := b.claims("fake:eve", "ada-l")
		done("fake:eve")
		b.says("@fake:eve", "I do not see the code")
		b.whose("ada-l", "")
		if other == code {
			t.Error("two members have one code")
		}

		done("fake:ada")
		b.says("@fake:ada", "Thank you: ada-l is linked with you")
		b.whose("ADA-L", "fake:ada")
		b.orders("fake:ada", "en", "link github Ada-L")
		b.says("@fake:ada", "Your GitHub account is ada-l, confirmed")

		// It is another's now who proves it; the member who had it has it no more.
		out.show("ada-l", other)
		done("fake:eve")
		later(time.Second)
		b.whose("ada-l", "fake:eve")
		m, err := b.Member(t.Context(), "fake:ada", "manager", "en")
		if err != nil || m.Linked != "" {
			t.Errorf("ada still has %q, %v", m.Linked, err)
		}

		// A member has one account: a new one takes the place of the old.
		code = b.claims("fake:eve", "eve")
		out.show("eve", code)
		done("fake:eve")
		later(time.Second)
		b.whose("ada-l", "")
		b.whose("eve", "fake:eve")
		if o, err := b.press("fake:eve", "Unlink"); err != nil || o != chat.Accepted {
			t.Fatal(o, err)
		}
		b.says("@fake:eve", "no GitHub account is linked with you any more")
		b.whose("eve", "")

		// A code is good for an hour.
		code = b.claims("fake:ada", "ada-l")
		out.show("ada-l", code)
		later(claimTime + time.Second)
		done("fake:ada")
		b.says("@fake:ada", "That code is too old", "link github ada-l")
		b.whose("ada-l", "")
		if fresh := b.claims("fake:ada", "ada-l"); fresh == code {
			t.Error("a code that is too old is given again")
		}

		list, err := b.audit.List(t.Context(), audit.Filter{On: "member/fake:eve"})
		if err != nil || len(list) != 3 || list[0].Did != "member.unlink" || list[0].Who.Via != "chat" {
			t.Errorf("on record is %+v, %v", list, err)
		}
		for _, e := range list {
			if strings.Contains(fmt.Sprintf("%+v", e), "ada-l") {
				t.Errorf("the record names the account: %+v", e)
			}
		}
	})
}

func TestLinkBy(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true})
		b.start()
		b.orders("fake:ada", "en", "link github ada")
		b.says("@fake:ada", "This community has not connected GitHub")
		b.orders("fake:bob", "en", "privacy")
		later(time.Second)
		who := audit.Who{ID: "token/1", Name: "Boss", Role: "admin", Via: "page"}
		link := func(id, handle string, move bool, want error) {
			t.Helper()
			if err := b.LinkBy(t.Context(), who, id, handle, move, "they told me"); !errors.Is(err, want) {
				t.Errorf("LinkBy(%s, %q, %v): %v, want %v", id, handle, move, err, want)
			}
		}
		link("fake:nobody", "ada", false, ErrUnknown)
		link("fake:ada", "a--b", false, members.ErrHandle)
		link("fake:ada", strings.Repeat("a", 40), false, members.ErrHandle)
		link("fake:ada", "Ada", false, nil)
		link("fake:ada", "Ada", false, nil)
		link("fake:bob", "ADA", false, members.ErrTaken)
		b.whose("ada", "fake:ada")
		link("fake:bob", "ada", true, nil)
		b.whose("ada", "fake:bob")
		link("fake:ada", "", false, nil)
		b.whose("ada", "fake:bob")
		link("fake:bob", "", false, nil)
		b.whose("ada", "")
		list, err := b.audit.List(t.Context(), audit.Filter{Did: "member.link"})
		if err != nil || len(list) != 2 || list[0].Who != who || list[0].Why != "they told me" {
			t.Errorf("on record is %+v, %v", list, err)
		}
	})
}

// TestForgetTheLinked has nothing be left of a member's account, claim and tokens.
func TestForgetTheLinked(t *testing.T) {
	in(t, func(t *testing.T) {
		out := newOutside()
		b := newBot(t, Options{House: true, Outside: out})
		b.start()
		out.show("octo-ada", b.claims("fake:ada", "octo-ada"))
		if o, err := b.press("fake:ada", "I have done it"); err != nil || o != chat.Accepted {
			t.Fatal(o, err)
		}
		later(time.Second)
		b.whose("octo-ada", "fake:ada")
		b.claims("fake:ada", "octo-new")
		b.orders("fake:ada", "en", "link go")
		b.says("@fake:ada", "hearth go login https://hearth.example.org the-code-of-ada")
		e := b.event(abi.CustomTracked)
		e.Member.ID, e.Custom = "fake:ada", &abi.Custom{Name: members.Firsts[0]}
		b.accept(e, chat.Accepted)
		if len(b.remembered("octo-ada")) == 0 || len(b.remembered("octo-new")) == 0 {
			t.Fatal("control: nothing names her account")
		}
		// What stands in a file of the operator's is said, and stays.
		out.named = []string{"community.managers (hearth.toml:7)"}
		x, err := b.Forget(t.Context(), "fake:ada")
		if err != nil || x.Kinds["tokens"] != 1 || !slices.Equal(x.Left, out.named) {
			t.Fatalf("erased %v, %v, left %q", x.Kinds, err, x.Left)
		}
		later(time.Second)
		if left := b.remembered("fake:ada", "octo-ada", "octo-new", "the-code-of"); len(left) > 0 {
			t.Errorf("still there: %q", left)
		}
		b.whose("octo-ada", "")
		if len(out.tokens) > 0 {
			t.Error("she still has tokens")
		}
	})
}

// TestFirsts counts what members do for the first time once a member, by
// whichever way it comes.
func TestFirsts(t *testing.T) {
	in(t, func(t *testing.T) {
		verdict := `{"verdict":"accepted","go_version":"go1.26.0"}`
		b := newBot(t, Options{Verifier: verifyFunc(func(context.Context, Verification) ([]byte, error) { return []byte(verdict), nil })})
		var got []string
		b.plugin(abi.Manifest{Name: "count", Events: []abi.Kind{abi.CustomTracked, abi.MessagePosted}, Needs: []abi.Need{{Cap: abi.CapVerify, Reason: "run code"}}}, func(c *abi.Call, _ wasm.Host) (abi.Effects, error) {
			if ev := c.Event; ev.Kind == abi.CustomTracked {
				got = append(got, fmt.Sprintf("%s %s %s %v", ev.Member.ID, ev.Source, ev.Custom.Name, ev.Custom.Props))
				return abi.Effects{}, nil
			}
			if c.Event.Kind != abi.MessagePosted {
				return abi.Effects{}, nil
			}
			return abi.Effects{Out: []abi.Effect{{Action: &abi.Action{Name: "x", Verify: &abi.Verify{Files: []abi.SourceFile{{Name: "main.go", Text: "package main"}}}}}}}, nil
		})
		b.start()
		post := func(member string) {
			t.Helper()
			e := b.event(abi.MessagePosted)
			e.Member = abi.Member{ID: member, Name: "N"}
			b.accept(e, chat.Accepted)
			later(time.Second)
		}
		track := func(member, name string, want chat.Outcome) {
			t.Helper()
			e := b.event(abi.CustomTracked)
			e.Source, e.Member.ID, e.Custom = "track/test", member, &abi.Custom{Name: name}
			b.accept(e, want)
			later(time.Second)
		}
		post("fake:ada")
		post("fake:ada")
		track("fake:ada", "go_run_first_time", chat.Duplicate)
		track("fake:bob", "go_run_first_time", chat.Accepted)
		track("fake:bob", "go_run_first_time", chat.Duplicate)
		track("fake:bob", "other", chat.Accepted)
		track("fake:bob", "other", chat.Accepted)
		post("fake:bob")
		verdict = `{"verdict":"rejected","go_version":"go1.26.0","diagnostics":[{"code":"screen/import"},{"code":"screen/import"}]}`
		post("fake:bob")
		verdict = `{"verdict":"compile_error","diagnostics":[{"code":"UnusedImport"}]}`
		post("fake:eve")
		want := []string{
			"fake:ada verify go_run_first_time [{go go1.26.0 false} {os wasip1 false} {via verify false}]",
			"fake:bob track/test go_run_first_time []",
			"fake:bob track/test other []", "fake:bob track/test other []",
			"fake:bob verify go_import_resolve_fail [{go go1.26.0 false} {os wasip1 false} {via verify false}]",
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("plugins were told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
