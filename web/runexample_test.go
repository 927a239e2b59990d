package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/host/verify/toolchain"
	"github.com/hearthbot/hearth/host/verify/verifytest"
	"github.com/hearthbot/hearth/host/wasm"
)

func TestExamples(t *testing.T) {
	all, err := readExamples(runFiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 12 {
		t.Errorf("%d examples", len(all))
	}
	ids := map[string]bool{}
	for _, e := range all {
		if ids[e.ID] || e.wantVerdict == "" || e.program("en") == e.program("zh-CN") || e.title("en") == e.title("zh-CN") || e.about("en") == e.about("zh-CN") {
			t.Errorf("%s is there twice, has no verdict, or is the same in both languages", e.ID)
		}
		ids[e.ID] = true
		if a, b := withoutComments(e.program("en").Code), withoutComments(e.program("zh-CN").Code); a != b {
			t.Errorf("%s is another program in Chinese:\n%s\n%s", e.ID, a, b)
		}
		for _, lang := range []string{"en", "zh-CN"} {
			code := e.program(lang).Code
			if strings.Contains(code, "//en") || strings.Contains(code, "//zh") {
				t.Errorf("%s in %s has a tag left", e.ID, lang)
			}
			if tidy, err := formatted(code); err != nil || tidy != code {
				t.Errorf("%s in %s is not as gofmt has it: %v", e.ID, lang, err)
			}
			for line := range strings.Lines(code) {
				if n := len([]rune(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    "))); n > 84 {
					t.Errorf("%s in %s: a line of %d columns: %s", e.ID, lang, n, line)
				}
			}
			if _, ok := splitArgs(e.program(lang).Args); !ok {
				t.Errorf("%s: %s", e.ID, e.program(lang).Args)
			}
		}
	}
}

// withoutComments leaves out the lines that are nothing else.
func withoutComments(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if !strings.HasPrefix(strings.TrimSpace(line), "//") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestReadExample(t *testing.T) {
	const head = "en: A\nen: b\nzh: C\nzh: d\n"
	for _, tc := range []struct {
		name, text, sorry string
	}{
		{"01-a", head + "-- main.go --\n\t//en x\n\t//zh y\n", ""},
		{"a", head, "NN-ID"},
		{"01-a", "en: A\nzh: C\nzh: d\n", `1 lines begin with "en: "`},
	} {
		e, err := readExample(tc.name, []byte(tc.text))
		if (err == nil) != (tc.sorry == "") || err != nil && !strings.Contains(err.Error(), tc.sorry) {
			t.Errorf("%q: %v", tc.text, err)
		}
		if err == nil && (e.program("en").Code != "\t// x\n" || e.program("zh-CN").Code != "\t// y\n") {
			t.Errorf("%q", e.programs)
		}
	}
}

// Each example does in the verifier what it says it does. What differs between
// the languages is comments, so one of them is run.
func TestExamplesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it needs the compiler in the sandbox")
	}
	v := realVerifier(t)
	all, err := readExamples(runFiles)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range all {
		lang := []string{"en", "zh-CN"}[i%2]
		t.Run(e.ID+"/"+lang, func(t *testing.T) {
			f := submitted{program: e.program(lang), Lang: lang}
			s, err := f.submission()
			if err != nil {
				t.Fatal(err)
			}
			sub := verify.Submission{Stdin: s.Stdin, Args: s.Args}
			for name, text := range s.Files {
				sub.Files = append(sub.Files, source.File{Name: name, Text: text})
			}
			res, err := v.Verify(t.Context(), sub)
			if err != nil {
				t.Fatal(err)
			}
			if string(res.Verdict) != e.wantVerdict || res.Stdout != e.wantStdout {
				t.Errorf("%s\n%s%s%+v\nwant %s\n%s", res.Verdict, res.Stdout, res.Stderr, res.Diagnostics, e.wantVerdict, e.wantStdout)
			}
			for _, d := range res.Diagnostics {
				if d.Severity == source.Warning {
					t.Errorf("it is warned of: %+v", d)
				}
			}
		})
	}
}

// realVerifier is the verifier with Go's compiler in the sandbox. Where there is
// no pack it is skipped, but in CI.
func realVerifier(t *testing.T) *verify.Verifier {
	t.Helper()
	pack := verifytest.Pack(t)
	engine, err := wasm.New(wasm.Options{CacheDir: verifytest.Compiled()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	v, err := verify.New(verify.Options{Engine: engine, Wall: time.Minute, Fuel: 12_000_000_000}) // the machine may be busy; fuel is what counts
	if err != nil {
		t.Fatal(err)
	}
	chain, err := toolchain.Open(pack, verifytest.Toolchain())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := v.Prepare(t.Context(), chain); err != nil {
		t.Fatal(err)
	}
	return v
}
