package verify

import (
	"testing"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
)

// Of every task of the learning path the reference solution is accepted, and
// what the member begins with is not.
func TestTasks(t *testing.T) {
	v := newVerifier(t)
	p, err := pack.Load(tasks.FS)
	if err != nil {
		t.Fatal(err)
	}
	files := func(fs []pack.File) (out []source.File) {
		for _, f := range fs {
			out = append(out, source.File{Name: f.Name, Text: f.Text})
		}
		return out
	}
	n := 0
	for _, task := range p.Tasks {
		if task.Kind == pack.Paste {
			continue
		}
		n++
		t.Run(task.ID, func(t *testing.T) {
			s := Submission{Files: files(task.Solution), Tests: files(task.Tests), Stdin: task.Stdin, Want: task.Want}
			r, err := v.Verify(t.Context(), s)
			if err != nil || r.Verdict != Accepted {
				t.Errorf("the solution: %s, %v\n%.2000s", r.Verdict, err, said(&r))
			}
			s.Files = files(task.Starter)
			r, err = v.Verify(t.Context(), s)
			if err != nil || r.Verdict == Accepted || r.Verdict == InternalError || r.Verdict == Rejected {
				t.Errorf("the starter: %s, %v\n%.2000s", r.Verdict, err, said(&r))
			}
		})
	}
	if n < 24 {
		t.Errorf("%d tasks are answered with code", n)
	}
}
