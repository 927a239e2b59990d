package webchat

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hearthbot/hearth/store"
)

func goSources(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, n := range names {
		if strings.HasSuffix(n, "_test.go") {
			continue
		}
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = string(b)
	}
	return out
}

// FuzzName: what passes for a name can be shown on one line and found again.
func FuzzName(f *testing.F) {
	for _, s := range []string{"Ada", "王伟", "a\u202eb", "e\u0301", "🏃\u200d♀️ x", "\x00", "  ", "ｈｅａｒｔｈ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, problem := memberName(s)
		if problem != "" {
			if _, ok := texts[problem]; !ok {
				t.Fatalf("%q has no text", problem)
			}
			return
		}
		if again, problem := memberName(name); again != name || problem != "" {
			t.Errorf("%q becomes %q, and then %q (%s)", s, name, again, problem)
		}
		for _, r := range name {
			if unicode.IsControl(r) || strings.ContainsRune("<>@#`", r) || unicode.Is(unicode.Cf, r) && r != zwj {
				t.Errorf("%q lets %U through", s, r)
			}
		}
		if !utf8.ValidString(name) || fold(name) == "" {
			t.Errorf("%q becomes %q, found as %q", s, name, fold(name))
		}
	})
}

// FuzzLink: a text that has been linked and unlinked says what it said, and
// linking it again finds the same.
func FuzzLink(f *testing.F) {
	for _, s := range []string{"hi @Ada L. and @hearth, #general", "`@Ada`", "```\n@Ada\n", "<@webchat:hearth><@", "<#webchat:x>", "@@##<", "你好@王伟你好", "@Ada L.. @ada l"} {
		f.Add(s)
	}
	a, err := New(Options{Store: &store.Mem{}, Sink: newRecorder(), Secret: secret})
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []string{"Ada", "Ada L.", "王伟"} {
		if _, _, err := a.enter(context.Background(), n, "en", ""); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		s, ok := posted(s)
		if !ok {
			t.Skip()
		}
		if err := a.read(context.Background(), func(v *view) error {
			linked, mentions, err := v.link(s)
			if err != nil {
				return err
			}
			if len(mentions) > maxMentions {
				t.Errorf("%q mentions %d", s, len(mentions))
			}
			again, same, err := v.link(v.unlink(linked))
			if err != nil {
				return err
			}
			// In code a link stays as it is written, which unlinking does not know.
			if !strings.Contains(s, "`") && !strings.Contains(s, "<") && (again != linked || len(same) != len(mentions)) {
				t.Errorf("%q: %q, then %q", s, linked, again)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzCookie: nothing that is not signed is believed.
func FuzzCookie(f *testing.F) {
	s := newSigner(secret)
	good, err := s.seal([]seat{{ID: "a", Name: "Ada", Locale: "en"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("W10.x")
	f.Fuzz(func(t *testing.T, v string) {
		if seats, err := s.open(v); err == nil && strings.TrimRight(v, "=") != good {
			t.Errorf("%q is believed: %+v", v, seats)
		}
	})
}

// FuzzID: an id is read as it is written, or not at all.
func FuzzID(f *testing.F) {
	f.Add("0123456789abcdef")
	f.Add("0123456789abcdef-0123456789abcdef")
	f.Add("-")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := parseID(s); ok && id.String() != s {
			t.Errorf("%q is read as %q", s, id)
		}
	})
}
