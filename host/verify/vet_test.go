package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/verify/source"
)

// With VetWarns a program runs although vet is certain that it is mistaken, and
// says so beside the run. What does not compile is an error all the same.
func TestVetWarns(t *testing.T) {
	v := newVerifier(t)
	lenient, err := New(Options{Engine: v.o.Engine, VetWarns: true, Wall: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	lenient.state.Store(v.state.Load()) // shares what the other has prepared, so it is not closed
	mistaken := program("import \"fmt\"\nfunc main() {\n\tfmt.Printf(\"%d\\n\", \"x\")\n}")
	for _, tt := range []struct {
		name     string
		v        *Verifier
		s        Submission
		want     Verdict
		severity source.Severity
		code     string
	}{
		{"strict", v, mistaken, VetError, source.Error, "vet/printf"},
		{"lenient", lenient, mistaken, Accepted, source.Warning, "vet/printf"},
		{"tested", lenient, withFile(mistaken, "main_test.go", "package main\nimport \"testing\"\nfunc TestMain1(t *testing.T) { main() }"), Accepted, source.Warning, "vet/printf"},
		{"types", lenient, program("func main() {\n\tx := 1\n}"), CompileError, source.Error, "UnusedVar"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tt.v.Verify(t.Context(), tt.s)
			if err != nil || r.Verdict != tt.want {
				t.Fatalf("%s, %v, want %s\n%s", r.Verdict, err, tt.want, said(&r))
			}
			if len(r.Diagnostics) != 1 || r.Diagnostics[0].Severity != tt.severity || r.Diagnostics[0].Code != tt.code || r.Diagnostics[0].Excerpt == "" {
				t.Errorf("%+v", r.Diagnostics)
			}
			if tt.want == Accepted && !strings.Contains(said(&r), "%!d(string=x)") {
				t.Errorf("it did not run: %s", said(&r))
			}
		})
	}
}
