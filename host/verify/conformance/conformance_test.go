package conformance

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify"
	"github.com/hearthbot/hearth/host/verify/source"
)

var update = flag.Bool("update", false, "write "+exclusionsFile+" anew, after a run of all")

// TestConformance takes Go's own run tests through the verifier: a fixed tenth;
// with HEARTH_CONFORMANCE=all every one, and with a part of a name those that have
// it. At least 97 % of those that pass in plain wazero have to do the same: what
// they print on each stream, and how they exit.
func TestConformance(t *testing.T) {
	v := newVerifier(t)
	root, version := testRoot(t), goEnv(t, "GOVERSION")
	all := programs(t, root)
	ask := os.Getenv("HEARTH_CONFORMANCE")
	full := ask == "all"
	if !full {
		all = slices.DeleteFunc(all, func(p program) bool {
			return ask == "" && !p.tenth() || !strings.Contains(p.name, ask)
		})
	}
	listed := readExclusions(t)
	rep := &report{of: len(all), out: map[string]exclusion{}, stopped: -1, verdicts: map[verify.Verdict]int{}}
	var run []program
	for _, p := range all {
		e, err := excluded(root, &p)
		if err != nil {
			t.Fatal(err)
		}
		if e.kind != "" {
			rep.out[p.name] = e
			continue
		}
		run = append(run, p)
	}
	bar := newProgress(len(run))
	defer bar.end()
	for c := range compared(t.Context(), openBaselines(version), run) {
		if c.err != nil {
			t.Fatal(c.err)
		}
		var group sync.WaitGroup
		turns := make(chan struct{}, workers)
		for i, p := range c.programs {
			why, ok := c.baselines[i].passes(&p)
			if !ok {
				rep.out[p.name] = exclusion{lacking, why}
				bar.step()
				continue
			}
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				rep.add(&p, compare(t.Context(), v, &p, &c.baselines[i]))
				bar.step()
			})
		}
		group.Wait()
	}
	bar.end()

	if version != listed.version {
		t.Logf("%s lists what is left out of %s, this is %s", exclusionsFile, listed.version, version)
	}
	switch {
	case *update && full:
		listed.version = version
		listed.write(t, rep.out)
	case version == listed.version:
		for _, p := range all {
			e, was := rep.out[p.name]
			old, is := listed.of[p.name]
			switch {
			case was == is && e.kind == old.kind:
			case e.kind == lacking || old.kind == lacking: // some are only too slow, which depends on the machine
				t.Logf("%s: left out is %q (%s), and %s says %q (%s)", p.name, e.kind, e.reason, exclusionsFile, old.kind, old.reason)
			default:
				t.Errorf("%s: left out is %q (%s), and %s says %q (%s)", p.name, e.kind, e.reason, exclusionsFile, old.kind, old.reason)
			}
		}
	}
	if full {
		rep.stopped = stoppedByVet(t, rep.vet)
	}
	for _, line := range rep.table() {
		t.Log("figure: " + line)
	}
	if ask != "" && !full {
		return
	}
	if rep.same*100 < 97*(rep.same+len(rep.different)) {
		t.Errorf("only %d of %d do the same", rep.same, rep.same+len(rep.different))
	}
	if rep.same < len(all)/2 {
		t.Errorf("only %d of %d were compared", rep.same, len(all))
	}
}

// comparison is a batch of programs and what they do.
type comparison struct {
	programs  []program
	baselines []baseline
	err       error // the last
}

// compared yields programs in batches; the next is built while one is compared.
func compared(ctx context.Context, known *baselines, ps []program) iter.Seq[comparison] {
	return func(yield func(comparison) bool) {
		ctx, cancel := context.WithCancel(ctx)
		ready := make(chan comparison)
		var group sync.WaitGroup
		group.Go(func() {
			defer close(ready)
			for batch := range slices.Chunk(ps, baselineBatch) {
				base, err := known.of(batch)
				select {
				case ready <- comparison{batch, base, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		})
		defer group.Wait()
		defer cancel()
		for c := range ready {
			if !yield(c) {
				return
			}
		}
	}
}

// outcome is what the verifier made of a program.
type outcome struct {
	verdict verify.Verdict
	vet     bool   // vet has something to say of it
	differs string // in what it differs from the baseline; "" if it does not
}

func compare(ctx context.Context, v *verify.Verifier, p *program, b *baseline) outcome {
	r, err := v.Verify(ctx, p.submission())
	if err != nil {
		return outcome{differs: err.Error()}
	}
	o := outcome{verdict: r.Verdict}
	why := ""
	for _, d := range r.Diagnostics {
		o.vet = o.vet || strings.HasPrefix(d.Code, "vet/")
		if d.Severity == source.Error && why == "" {
			why = fmt.Sprintf(": %s:%d: %s: %s", d.File, d.Line, d.Code, strings.TrimSpace(d.Message))
		}
	}
	text := func(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("�"))) } // as results promise
	ran := r.Verdict == verify.Accepted || r.Verdict == verify.GoroutineLeak
	switch {
	case !ran:
		o.differs = string(r.Verdict) + why
	case r.ExitCode != b.Exit:
		o.differs = fmt.Sprintf("exit code %d, not %d", r.ExitCode, b.Exit)
	case r.Stdout != text(b.Stdout):
		o.differs = "stdout is " + oneLine([]byte(r.Stdout)) + ", not " + oneLine(b.Stdout)
	case r.Stderr != text(b.Stderr):
		o.differs = "stderr is " + oneLine([]byte(r.Stderr)) + ", not " + oneLine(b.Stderr)
	}
	return o
}

// stoppedByVet counts the programs that end in vet_error with the verifier that
// members have.
func stoppedByVet(t *testing.T, ps []program) (n int) {
	v, closing, err := prepare(false)
	defer func() {
		if err := closing(); err != nil {
			t.Error(err)
		}
	}()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		r, err := v.Verify(t.Context(), p.submission())
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == verify.VetError {
			n++
		}
	}
	return n
}

// report is what a run found.
type report struct {
	of      int
	out     map[string]exclusion
	stopped int // by vet, if it did not only warn; -1 if that was not asked

	mu        sync.Mutex
	same      int
	vet       []program              // of those that are the same, what vet has something to say of
	verdicts  map[verify.Verdict]int // of those that are the same
	different []string
}

func (r *report) add(p *program, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.differs != "" {
		r.different = append(r.different, p.name+"\t"+o.differs)
		return
	}
	r.same++
	r.verdicts[o.verdict]++
	if o.vet {
		r.vet = append(r.vet, *p)
	}
}

// table is the report in lines.
func (r *report) table() []string {
	lines := []string{fmt.Sprintf("conformance: %d programs of GOROOT/test headed \"// run\"; the verifier may import unsafe, and vet only warns", r.of)}
	n := map[kind]int{}
	for _, e := range r.out {
		n[e.kind]++
	}
	for _, k := range []kind{notBuilt, part, byRule, lacking} {
		lines = append(lines, fmt.Sprintf("conformance: %4d left out: %s", n[k], kinds[k]))
	}
	compared := r.same + len(r.different)
	lines = append(lines, fmt.Sprintf("conformance: %4d compared: same stdout, stderr and exit code", compared),
		fmt.Sprintf("conformance: %4d the same (%.1f %%, goal 97 %%)", r.same, 100*float64(r.same)/float64(max(1, compared))))
	for _, v := range slices.Sorted(maps.Keys(r.verdicts)) {
		lines = append(lines, fmt.Sprintf("conformance: %4d     of them with the verdict %s", r.verdicts[v], v))
	}
	lines = append(lines, fmt.Sprintf("conformance: %4d     of them with a word from vet", len(r.vet)))
	if r.stopped >= 0 {
		lines = append(lines, fmt.Sprintf("conformance: %4d         of which it would stop, as it does for members unless VetWarns is set", r.stopped))
	}
	lines = append(lines, fmt.Sprintf("conformance: %4d different", len(r.different)))
	slices.Sort(r.different)
	for _, d := range r.different {
		lines = append(lines, "conformance:      "+d)
	}
	return lines
}

// progress shows how far a long run is: a bar on a terminal, else a line every
// few seconds. Short runs say nothing.
type progress struct {
	mu       sync.Mutex
	done, of int
	begun    time.Time
	said     time.Time
	terminal bool
	ended    bool
}

const progressEvery = 5 * time.Second

func newProgress(of int) *progress {
	info, err := os.Stdout.Stat()
	return &progress{of: of, begun: time.Now(), said: time.Now(), terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	switch {
	case p.terminal:
		const width = 40
		full := width * p.done / max(1, p.of)
		fmt.Printf("\r[%s%s] %d of %d, %v", strings.Repeat("█", full), strings.Repeat("░", width-full), p.done, p.of, time.Since(p.begun).Round(time.Second))
	case time.Since(p.said) >= progressEvery:
		p.said = time.Now()
		fmt.Printf("%d of %d programs after %v\n", p.done, p.of, time.Since(p.begun).Round(time.Second))
	}
}

// end leaves the bar's line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && !p.ended {
		fmt.Println()
	}
	p.ended = true
}
