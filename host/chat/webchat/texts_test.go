package webchat

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Both languages say everything, with the same things filled in.
func TestTexts(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]|\{[a-z]+\}`)
	for key, s := range texts {
		if s.en == "" || s.zh == "" {
			t.Errorf("%s: %q, %q", key, s.en, s.zh)
		}
		if en, zh := verbs.FindAllString(s.en, -1), verbs.FindAllString(s.zh, -1); strings.Join(en, " ") != strings.Join(zh, " ") {
			t.Errorf("%s: %v in English, %v in Chinese", key, en, zh)
		}
	}
}

// Every text that is asked for is there, and every text is asked for.
func TestTextsUsed(t *testing.T) {
	used := make(map[string]bool)
	ask := []*regexp.Regexp{
		regexp.MustCompile(`\.T \(?"([a-z.]+)"`), regexp.MustCompile(`\.T\("([a-z.]+)"`), regexp.MustCompile(`key[:=] ?=? ?"([a-z.]+)"`),
		regexp.MustCompile(`(?:fail|problem)\(?\{?[^"\n]*"([a-z.]+)"`), regexp.MustCompile(`return "", "((?:name|channel)\.[a-z]+)"`), regexp.MustCompile(`"((?:press|command|pair)\.[a-z]+)"`),
	}
	js := regexp.MustCompile(`say\("([A-Za-z.]+)"`)
	read := func(name, src string) {
		for _, re := range ask {
			for _, m := range re.FindAllStringSubmatch(src, -1) {
				used[m[1]] = true
			}
		}
		if strings.HasSuffix(name, ".js") {
			for _, m := range js.FindAllStringSubmatch(src, -1) {
				if _, ok := texts["js."+m[1]]; ok {
					used["js."+m[1]] = true
				} else {
					used[m[1]] = true
				}
			}
		}
	}
	if err := fs.WalkDir(uiFiles, "ui", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := uiFiles.ReadFile(p)
		read(p, string(b))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, src := range goSources(t) {
		read(name, src)
	}
	for key := range used {
		if _, ok := texts[key]; !ok && strings.Contains(key, ".") {
			t.Errorf("%q is asked for and not there", key)
		}
	}
	for key := range texts {
		if !used[key] {
			t.Errorf("%q is there and never asked for", key)
		}
	}
}
