package sim

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/verifytest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built compiles the plugins of a simulation from their sources.
func built(t *testing.T) fs.FS {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build plugins with")
	}
	dir := t.TempDir()
	for _, name := range plugins {
		if err := verifytest.Build(filepath.Join(dir, name+".wasm"), "../../../../plugins/"+name); err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

// simulate runs a simulation, and fails the test where a count is not true.
func simulate(t *testing.T, s Settings) (r *Result, asJSON string) {
	t.Helper()
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	if !r.Same() {
		t.Error("hearth's counts are not what is true")
	}
	v, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(v)
}

// TestFiguresAreTrue simulates a small community twice.
func TestFiguresAreTrue(t *testing.T) {
	s := Settings{Members: 200, Days: 20, Seed: 1, Plugins: built(t), Cache: verifytest.Plugins()}
	first, once := simulate(t, s)
	if len(first.Counts) < 6*15 || first.Events < 1500 {
		t.Errorf("%d groups of figures, of %d events: less than was simulated once", len(first.Counts), first.Events)
	}
	if _, again := simulate(t, s); again != once {
		t.Errorf("the same seed gives another result:\n%s\n%s", once, again)
	}
	s.Seed, s.Members, s.Days = 2, 60, 12
	if other, _ := simulate(t, s); other.SHA256 == first.SHA256 {
		t.Error("another seed gives the same result")
	}
}

// TestDifferencesAreSeen holds the comparison to finding what differs, and a blank
// to being no zero.
func TestDifferencesAreSeen(t *testing.T) {
	want := figures{"funnel": {"joined reached": 3, "engaged lost": 0}, "retained by day": {"2026-03-02 +0": 0, "2026-03-02 +1": 2}}
	for name, tc := range map[string]struct {
		got   figures
		wrong int
	}{
		"the same":           {want, 0},
		"a zero left out":    {figures{"funnel": {"joined reached": 3}, "retained by day": want["retained by day"]}, 0},
		"a number":           {figures{"funnel": {"joined reached": 4}, "retained by day": want["retained by day"]}, 1},
		"blank and not zero": {figures{"funnel": want["funnel"], "retained by day": {"2026-03-02 +1": 2}}, 1},
		"a group is missing": {figures{"funnel": want["funnel"]}, 2},
		"too much":           {figures{"funnel": want["funnel"], "retained by day": {"2026-03-02 +0": 0, "2026-03-02 +1": 2, "2026-03-02 +2": 0}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var r Result
			r.compare(atEnd, want, tc.got)
			wrong := 0
			for _, c := range r.Counts {
				wrong += c.Wrong
			}
			if wrong != tc.wrong || r.Same() != (tc.wrong == 0) {
				t.Errorf("%d differ, want %d: %+v", wrong, tc.wrong, r.Counts)
			}
			var b strings.Builder
			if err := r.Print(&b); err != nil || strings.Contains(b.String(), "DIFFER") != (tc.wrong > 0) {
				t.Errorf("%v: %s", err, b.String())
			}
		})
	}
}

// TestFiguresOfManyAreTrue simulates the community of issue 6.
func TestFiguresOfManyAreTrue(t *testing.T) {
	if os.Getenv("HEARTH_LONG") == "" {
		t.Skip("skipped without HEARTH_LONG: it simulates 5,000 members for 60 days")
	}
	begun := time.Now()
	r, _ := simulate(t, Settings{Members: 5000, Days: 60, Seed: 1, Plugins: built(t), Cache: verifytest.Plugins()})
	t.Logf("figure: 5,000 members and 60 days simulated in %.0f s: %d events", time.Since(begun).Seconds(), r.Events)
	for _, e := range r.Estimates {
		if !e.Enough {
			t.Errorf("%s: not enough of %d members", e.Of, e.N)
		}
	}
}
