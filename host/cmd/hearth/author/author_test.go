package author

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthbot/hearth/host/replay"
	"github.com/hearthbot/hearth/host/wasm"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// project opens a plugin's directory, if Go is there.
func project(t *testing.T, dir string) *Project {
	t.Helper()
	p, err := Open(dir)
	if errors.Is(err, ErrNoGo) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ready builds a plugin and plays go test's part.
func ready(t *testing.T, dir string) (*wasm.Plugin, Built, []tape.Tape) {
	t.Helper()
	p := project(t, dir)
	var said bytes.Buffer
	tapes, err := p.Native(t.Context(), &said)
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	code, err := p.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := wasm.New(wasm.Options{Limits: wasm.Limits{Wall: time.Second, Fuel: 20_000_000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	plugin, built, err := Describe(t.Context(), engine, code)
	if err != nil {
		t.Fatal(err)
	}
	return plugin, built, tapes
}

func TestOpenSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "`hearth plugin new NAME` makes one",
		file:                               "is no directory",
		t.TempDir():                        "there is no Go in",
	} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}

func TestCompilerIsQuoted(t *testing.T) {
	_, err := project(t, "testdata/broken").Build(t.Context())
	var g *GoError
	if !errors.As(err, &g) {
		t.Fatalf("%v, want a GoError", err)
	}
	for _, want := range []string{"./main.go:5:6: declared and not used: unused", "./main.go:6:9: undefined: undefinedName"} {
		if !strings.Contains(g.Output, want) {
			t.Errorf("the compiler said\n%s\nwithout %q", g.Output, want)
		}
	}
}

// TestScaffoldIsTheSameInTheSandbox: native and sandbox agree on a good plugin.
func TestScaffoldIsTheSameInTheSandbox(t *testing.T) {
	plugin, built, tapes := ready(t, "kit/scaffold")
	if built.Name != "scaffold" || built.Version == "" || len(built.SHA256) != 64 || built.Size != len(built.Code) {
		t.Errorf("%+v", built)
	}
	calls := 0
	err := Play(t.Context(), plugin, tapes, func(p Played) {
		calls += p.Calls
		for _, d := range p.Differ {
			t.Errorf("%s:%d: %v", p.Transcript, d.Line, d.Differences)
		}
	})
	if err != nil || calls != 4 {
		t.Errorf("%d calls, %v", calls, err)
	}

	var told int
	costs, err := Bench(t.Context(), plugin, tapes, time.Millisecond, func(Cost) { told++ })
	if err != nil || len(costs.Events) != 4 || told != 4 {
		t.Fatalf("%+v, told of %d, %v", costs, told, err)
	}
	for _, c := range costs.Events {
		if c.Runs < minRuns || c.Fuel <= 0 || c.P50 <= 0 || c.P95 < c.P50 || c.Pages <= 0 || c.Memory < c.Pages || c.In <= 0 || c.Out <= 0 || c.Error != "" {
			t.Errorf("%+v", c)
		}
		if c.Transcript == "" || c.Line == 0 || c.Input == "" || c.Kind == "" {
			t.Errorf("where it is from is not said: %+v", c)
		}
	}
	if costs.Image <= 0 || costs.Image > costs.Most || costs.Fuel != 20_000_000 || costs.Wall != time.Second {
		t.Errorf("%+v", costs)
	}
}

// TestWhatWasKeptIsFound shows both answers where a plugin relies on what the
// sandbox does not give it.
func TestWhatWasKeptIsFound(t *testing.T) {
	plugin, _, tapes := ready(t, "testdata/forgetful")
	var played []Played
	if err := Play(t.Context(), plugin, tapes, func(p Played) { played = append(played, p) }); err != nil {
		t.Fatal(err)
	}
	if len(played) != 1 || played[0].Calls != 4 || len(played[0].Differ) != 3 {
		t.Fatalf("%+v", played)
	}
	differ := played[0].Differ
	said := differ[0].Differences[0]
	if differ[0].Input != "bob runs dm /first" || said.What != replay.Message || !strings.Contains(said.Before, "Ann") || !strings.Contains(said.After, "Bob") {
		t.Errorf("%+v", differ[0])
	}
	if text, err := os.ReadFile("testdata/forgetful/testdata/first.txtar"); err != nil || strings.Split(string(text), "\n")[differ[0].Line-1] != "> "+differ[0].Input {
		t.Errorf("line %d is another: %v", differ[0].Line, err)
	}
	if q := differ[1].Differences[0]; !strings.Contains(q.Before, "first: Ann") || strings.Contains(q.After, "Ann") {
		t.Errorf("the query: %+v", q)
	}
	spins := differ[2].Differences
	if !slices.ContainsFunc(spins, func(d replay.Difference) bool {
		return d.What == replay.Error && (strings.Contains(d.After, "fuel") || strings.Contains(d.After, "deadline"))
	}) {
		t.Errorf("what never ends: %+v", spins)
	}
	costs, err := Bench(t.Context(), plugin, tapes, time.Millisecond, func(Cost) {})
	if err != nil || costs.Events[3].Error == "" {
		t.Errorf("%+v, %v", costs, err)
	}
}

func TestNoPlugin(t *testing.T) {
	engine, err := wasm.New(wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close(t.Context())
	if _, _, err := Describe(t.Context(), engine, []byte("no wasm")); !errors.Is(err, wasm.ErrABI) {
		t.Errorf("%v, want ErrABI", err)
	}
}

func TestReadsAreThoseOfTheHost(t *testing.T) {
	var r rows
	r.change(map[string][]byte{"c/a": []byte("1"), "c/b": []byte("2"), "c/c": []byte("3"), "m/x/a": []byte("4")})
	scan := func(s abi.Scan) string {
		t.Helper()
		raw, err := (&reading{rows: &r}).Scan(t.Context(), &s)
		if err != nil {
			return err.Error()
		}
		var out abi.Rows
		if _, err := out.UnmarshalMsg(raw); err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, p := range out.Rows {
			keys = append(keys, p.Key)
		}
		if out.More {
			keys = append(keys, "…")
		}
		return strings.Join(keys, " ")
	}
	for _, c := range []struct {
		scan abi.Scan
		want string
	}{
		{abi.Scan{Prefix: "c/"}, "c/a c/b c/c"},
		{abi.Scan{Prefix: "c/", Limit: 2}, "c/a c/b …"},
		{abi.Scan{Prefix: "c/", Reverse: true, Limit: 1}, "c/c …"},
		{abi.Scan{Prefix: "c/", After: "c/a"}, "c/b c/c"},
		{abi.Scan{Prefix: "c/", After: "c/c", Reverse: true}, "c/b c/a"},
		{abi.Scan{Prefix: "m/"}, "m/x/a"},
		{abi.Scan{Prefix: "v/"}, ""},
		{abi.Scan{Prefix: "x/"}, `the plugin's read is refused: scan prefix "x/" does not start with c/, m/ or v/`},
	} {
		if got := scan(c.scan); got != c.want {
			t.Errorf("%+v: %q, want %q", c.scan, got, c.want)
		}
	}
	r.change(map[string][]byte{"c/b": nil, "c/d": []byte("5")})
	if got := scan(abi.Scan{Prefix: "c/"}); got != "c/a c/c c/d" {
		t.Errorf("after a change: %q", got)
	}
	one := &reading{rows: &r}
	for i := range abi.MaxScans + 1 {
		_, err := one.Scan(t.Context(), &abi.Scan{Prefix: "c/"})
		if (err != nil) != (i == abi.MaxScans) {
			t.Errorf("scan %d: %v", i+1, err)
		}
	}
	if _, _, err := one.Get(t.Context(), "nonsense"); !errors.Is(err, errBounds) {
		t.Errorf("%v", err)
	}
}

// loader is the hearth of a test.
type loader struct {
	mu   sync.Mutex
	next chan Progress
	fail error
}

func (l *loader) load(context.Context, []byte) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return "v", l.fail
}

func (l *loader) tell(p Progress) {
	if p.Step != Building && p.Step != Loading {
		l.next <- p
	}
}

// TestRunFollowsWhatIsSaved edits a plugin and breaks it, and mends it.
func TestRunFollowsWhatIsSaved(t *testing.T) {
	// In this module, so that its SDK is found and nothing of it compiled anew.
	dir, err := os.MkdirTemp("testdata", "run-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source, err := os.ReadFile("testdata/forgetful/main.go")
	if err != nil {
		t.Fatal(err)
	}
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	save(string(source))
	p := project(t, dir)
	l := &loader{next: make(chan Progress, 10)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, l.load, l.tell) }()
	await := func(want Step) Progress {
		t.Helper()
		select {
		case got := <-l.next:
			if got.Step != want {
				t.Fatalf("%+v, want %s", got, want)
			}
			return got
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(3 * time.Minute):
			t.Fatalf("nothing happened, want %s", want)
		}
		return Progress{}
	}
	if got := await(Live); got.Version != "v" || got.Built <= 0 {
		t.Errorf("%+v", got)
	}
	save(strings.Replace(string(source), `"done"`, "undefinedName", 1))
	failed := await(Failed)
	if !regexp.MustCompile(`\./main\.go:\d+:\d+: undefined: undefinedName`).MatchString(failed.Err.Error()) {
		t.Errorf("%v", failed.Err)
	}
	begun := time.Now()
	save(strings.Replace(string(source), `"done"`, `"ready"`, 1))
	await(Live)
	t.Logf("figure: plugin run: from the save to the loading of a new version %v", time.Since(begun).Round(time.Millisecond))
	if err := os.WriteFile(filepath.Join(dir, "notes.md"), []byte("of no concern"), 0o644); err != nil {
		t.Fatal(err)
	}
	await(Same)
	l.mu.Lock()
	l.fail = errors.New("refused")
	l.mu.Unlock()
	save(string(source))
	if got := await(Failed); got.Err.Error() != "refused" {
		t.Errorf("%+v", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestOnlyWhatIsBuiltIsWatched(t *testing.T) {
	dir := t.TempDir()
	p := &Project{Dir: dir}
	state := func() uint64 {
		t.Helper()
		s, err := p.state()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	touch := func(name string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := state()
	for _, name := range []string{"a_test.go", "testdata/a.txtar", ".git/x", ".main.go.swp", "hello.wasm", "main.go~"} {
		if touch(name); state() != before {
			t.Errorf("%s is watched", name)
		}
	}
	for _, name := range []string{"main.go", "messages/en.json", "go.mod"} {
		if touch(name); state() == before {
			t.Errorf("%s is not watched", name)
		}
		before = state()
	}
	if err := os.Remove(filepath.Join(dir, "main.go")); err != nil || state() == before {
		t.Errorf("a deletion is not seen (%v)", err)
	}
}
