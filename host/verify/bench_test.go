package verify

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// benches are what beginners post; each is made anew by a comment.
var benches = []struct {
	name string
	s    Submission
}{
	{"hello", program("import \"fmt\"\nfunc main() { fmt.Println(\"hello, world\") }\n")},
	{"goroutines", program("import (\"fmt\"; \"sync\")\nfunc main() { var wg sync.WaitGroup; c := make(chan int, 10); for i := range 10 { wg.Go(func() { c <- i * i }) }; wg.Wait(); close(c); n := 0; for v := range c { n += v }; fmt.Println(n) }\n")},
	{"json+sort", program("import (\"encoding/json\"; \"fmt\"; \"sort\"; \"strings\")\ntype T struct{ Name string; N int }\nfunc main() { var ts []T; if err := json.NewDecoder(strings.NewReader(`[{\"Name\":\"b\",\"N\":2},{\"Name\":\"a\",\"N\":1}]`)).Decode(&ts); err != nil { panic(err) }; sort.Slice(ts, func(i, j int) bool { return ts[i].Name < ts[j].Name }); b, _ := json.Marshal(ts); fmt.Println(string(b)) }\n")},
	{"tests", tested("func Sum(n ...int) (s int) { for _, v := range n { s += v }; return s }\nfunc main() {}\n", "func TestSum(t *testing.T) { if Sum(1, 2) != 3 { t.Error(\"wrong\") } }\n")},
	{"work", program("import \"fmt\"\nfunc main() { n := uint32(1); for range 250_000_000 { n ^= n << 13; n ^= n >> 17; n ^= n << 5 }; fmt.Println(n) }\n")},
}

// BenchmarkVerify is a submission's whole way: native go run or go test; hearth,
// with the ratio of its median to that; and hearth with Options.Native.
func BenchmarkVerify(b *testing.B) {
	v := newVerifier(b)
	child, err := New(Options{Engine: engine, Native: true, Dir: b.TempDir(), Wall: time.Minute, Fuel: 12_000_000_000})
	if err != nil {
		b.Fatal(err)
	}
	// It is not closed: that would close the toolchain, which is the other's.
	if err := child.Prepare(context.Background(), v.state.Load().chain); err != nil {
		b.Fatal(err)
	}
	fresh := 0
	for _, bench := range benches {
		var native []time.Duration
		median := func(d []time.Duration) float64 {
			slices.Sort(d)
			return float64(d[len(d)/2])
		}
		b.Run(bench.name+"/native", func(b *testing.B) {
			dir := b.TempDir()
			for b.Loop() {
				fresh++
				args := []string{"run", "main.go"}
				for _, f := range append(slices.Clone(bench.s.Files), bench.s.Tests...) {
					if err := os.WriteFile(filepath.Join(dir, f.Name), fmt.Append([]byte(f.Text), "// ", fresh), 0o600); err != nil {
						b.Fatal(err)
					}
				}
				if len(bench.s.Tests) > 0 {
					args = []string{"test", "-count=1", "main.go", "main_test.go"}
				}
				start := time.Now()
				cmd := exec.Command("go", args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				native = append(native, time.Since(start))
			}
			b.ReportMetric(median(native)/1e6, "p50-ms")
		})
		for _, way := range []struct {
			name string
			v    *Verifier
		}{{"hearth", v}, {"child", child}} {
			b.Run(bench.name+"/"+way.name, func(b *testing.B) {
				var here []time.Duration
				for b.Loop() {
					s := bench.s
					s.Files = slices.Clone(s.Files)
					fresh++
					s.Files[0].Text += fmt.Sprint("// ", fresh)
					start := time.Now()
					r, err := way.v.Verify(context.Background(), s)
					if err != nil || r.Verdict != Accepted {
						b.Fatalf("%s, %v\n%s", r.Verdict, err, said(&r))
					}
					here = append(here, time.Since(start))
				}
				b.ReportMetric(median(here)/1e6, "p50-ms")
				if len(native) > 0 {
					b.ReportMetric(median(here)/median(native), "x-native")
				}
			})
		}
	}
	b.Run("again", func(b *testing.B) {
		if _, err := v.Verify(context.Background(), benches[0].s); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if r, err := v.Verify(context.Background(), benches[0].s); err != nil || r.Verdict != Accepted {
				b.Fatal(r.Verdict, err)
			}
		}
	})
}
