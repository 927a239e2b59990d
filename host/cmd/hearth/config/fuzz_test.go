package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// FuzzConfig: whatever stands in the file, it is accepted or refused with its
// lines named, and a secret from outside shows in no error.
func FuzzConfig(f *testing.F) {
	example, err := os.ReadFile("../../../../hearth.example.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, s := range []string{
		"[server]\nlisten = 1", "[slack]\nbot_token = \"${T}\"", "[slack]\nbot_token = \"${file:T}x$${\"", "[[server]]\nlisten = \":1\"",
		"server.listen = \":1\"", "server = { listen = \":1\", data = [1] }", "[plugins.a.b.c]\nd = [{e = \"${T}\"}]", "[plugins.a]\nt = 2020-01-01\nf = nan",
		"[plugins.a.texts]\nb = { en = \"{c}\" }\n\"d.e\".zh-CN = \"${T}\"\nf.g.en = \"\"",
		"[server]\n\"\" = 1", "[\"\"]\na = 1", "[plugins]\n\"\" = {}", "[community]\ntime_zone = \"../../etc/passwd\"",
		"[policy]\nquiet_hours = \"22:00-08:00\"\nexpiry = \"999999999999d\"", "[webchat]\nchannels = [[\"a\"]]", "\x00", "\ufeff[server]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), hidden) {
			t.Skip()
		}
		c, err := Parse("hearth.toml", data, env(map[string]string{"T": hidden, "file:T": hidden}))
		if err == nil {
			if c.Server.Listen == "" || c.Community.TimeZone == nil || c.Community.Name == "" {
				t.Errorf("accepted and not usable: %+v", c)
			}
			return
		}
		if c != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "hearth.toml:") {
			t.Errorf("refused without saying where: %v", err)
		}
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("the error shows a secret: %v", err)
		}
	})
}

// FuzzDocument: what is accepted is written and read again as the same, and
// nothing in it is looked up.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{"[community]\nname = \"a $${b} \\u0001\"", "[plugins.a]\nb = [{c = 1.5, d = [[]]}, \"x\"]\n\"e.f\" = 2020-01-01",
		"[plugins.a.texts]\n\"b.c\".en = \"d\"\n[plugins.a.secrets]\nt = \"${secret:kept}\"", "[slack]\nbot_token = \"${secret:kept}\"", "[retries]\ndelays = []",
		"[plugins.a]\nenabled = false\n[plugins.a.\"\"]\n\"\" = {}", "[verify]\nper_member = {every = \"1s\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stored, kept, err := ReadDocument("document", data)
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Errorf("refused without saying so: %v", err)
			}
			return
		}
		doc, err := WriteDocument(stored, kept)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		again, kept2, err := ReadDocument("document", doc)
		if err != nil {
			t.Fatalf("cannot be read again: %v\n%s", err, doc)
		}
		if string(encode(again)) != string(encode(stored)) || strings.Join(kept, " ") != strings.Join(kept2, " ") {
			t.Errorf("it was\n%s\nand is\n%s\nof\n%s", encode(stored), encode(again), doc)
		}
	})
}
