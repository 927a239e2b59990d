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
