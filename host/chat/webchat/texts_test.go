package webchat

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"
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

// Where clocks go forward at midnight, the day on which they do is yesterday too.
func TestYesterday(t *testing.T) {
	for zone, change := range map[string]string{"America/Santiago": "2026-09-06", "America/Havana": "2026-03-08", "Asia/Shanghai": "2026-12-31"} {
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		day, _ := time.ParseInLocation("2006-01-02 15", change+" 12", z)
		for now := day.Add(12 * time.Hour); now.Before(day.Add(36 * time.Hour)); now = now.Add(10 * time.Minute) {
			u := &ui{Lang: "zh-CN", zone: z, now: now}
			if got := u.Day(day.UnixMilli()); got != "昨天" {
				t.Errorf("%s is %s at %s", day, got, now)
			}
		}
	}
}
