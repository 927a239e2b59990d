package cluster

import (
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/digest/text"
)

// liken is what a question and a known one have in common.
func liken(asked, known []spoken) likeness {
	p := pairOf(asked, known)
	l := p.shares()
	p.against(&l)
	return l
}

func TestTurnedRound(t *testing.T) {
	for _, c := range []struct {
		asked, known string
		turned       bool
	}{
		{"Word 怎么转成 PDF", "PDF怎么转成Word", true},
		{"how do I convert bytes to hex", "convert hex to bytes", true},
		{"how do I convert bytes to hex", "how to turn bytes into hex", false},
		{"怎么把 PDF 转成 Word 啊", "PDF怎么转成Word", false},
	} {
		if got := turned(New(0).said(text.Latin, text.Gist(c.asked)), New(0).said(text.Latin, text.Gist(c.known))); got != c.turned {
			t.Errorf("%q and %q: turned round is %v", c.asked, c.known, got)
		}
	}
}

func TestMisspelt(t *testing.T) {
	for _, c := range []struct {
		a, b string
		is   bool
	}{
		{"receiver", "reciever", true}, {"module", "moduel", true}, {"slice", "slide", true}, {"marshal", "unmarshal", false},
		{"map", "mat", false}, {"encode", "decode", false}, {"framework", "framwork", true}, {"postgres", "progress", false},
		{strings.Repeat("a", 30), strings.Repeat("a", 30) + "b", false},
	} {
		if got := misspelt(c.a, c.b); got != c.is || misspelt(c.b, c.a) != got {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

// TestWordedOtherwise holds what the words decide that the terms do not.
func TestWordedOtherwise(t *testing.T) {
	x, _, _ := knownQuestions(t)
	for _, c := range []struct {
		asked, known string
		sure         bool
	}{
		{"hi all, quick question: how can i install go on ubuntu please", "how to install go on ubuntu", true},
		{"how to install docker on ubuntu", "how to install go on ubuntu", false},
		{"大家好，请教一下，身份证不见了要怎么补", "身份证丢了怎么补办", true},
		{"身份证过期了怎么换", "身份证丢了怎么补办", false},
		{"社区活动怎么取消报名", "社区活动怎么报名", false},
		{"", "how to install go on ubuntu", false},
	} {
		like := liken(x.said(text.Analyse(c.asked).Script, text.Gist(c.asked)), x.said(text.Analyse(c.known).Script, text.Gist(c.known)))
		if got := like.score(); got >= Sure != c.sure {
			t.Errorf("%q and %q: %.2f, %+v", c.asked, c.known, got, like)
		}
	}
}

// TestKnownWithoutWordings is Nearest's.
func TestKnownWithoutWordings(t *testing.T) {
	x, _, _ := knownQuestions(t)
	q := "how do I cancel a context when the client disconnects"
	a := text.Analyse(q)
	near, _ := x.Nearest(a)
	if m, ok := x.Known(a, q, func(uint32) string { return "" }); !ok || m != near || m.Score < Sure {
		t.Errorf("it is %+v, and Nearest's %+v", m, near)
	}
	if m, ok := New(0).Known(a, q, func(uint32) string { return q }); ok {
		t.Errorf("an empty index knows %+v", m)
	}
}

// TestSameWords: a question of few words, asked again as it was, is known.
func TestSameWords(t *testing.T) {
	x, wording, _ := knownQuestions(t)
	for _, q := range []string{"what is go.work for", "Hi, what is go.work for??", "PGO 到底能提升多少性能"} {
		if m, ok := x.Known(text.Analyse(q), q, func(item uint32) string { return wording[item] }); !ok || m.Score < Sure {
			t.Errorf("%s: %+v", q, m)
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	x, wording, _ := knownQuestions(b)
	rows := answersOf(b, "answers_fresh.tsv", false)
	var all []text.Analysis
	for _, r := range rows {
		all = append(all, text.Analyse(r.Text))
	}
	b.Run("nearest", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			x.Nearest(all[i%len(all)])
		}
	})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			x.Known(all[i%len(all)], rows[i%len(all)].Text, func(item uint32) string { return wording[item] })
		}
	})
}

// example is what a question and a known one have in common, and whether they ask the
// same.
type example struct {
	x     weights
	right bool
}

// asking is a question with all that it is compared with.
type asking struct {
	file string
	fold uint32
	with []example
}

// folds are how many parts are judged by weights that were fitted on the others.
const folds = 8

// beside is a question beside all that Known would compare it with, but for its own
// item, if it has one.
func beside(x *Index, file, q, want string, own uint32, wording, cluster map[uint32]string) (a asking, ok bool) {
	analysis := text.Analyse(q)
	if _, ok := x.Nearest(analysis); !ok {
		return a, false
	}
	x.s.best = slices.DeleteFunc(x.s.best, func(c candidate) bool { return x.items[c.slot].id == own })
	a.file = file
	by := want
	gist := x.said(analysis.Script, text.Gist(q))
	for i, c := range x.compared() {
		it := &x.items[c.slot]
		if by == "-" && i == 0 {
			by = cluster[it.id]
		}
		like := liken(gist, x.said(it.script, text.Gist(wording[it.id])))
		if like.turned && cluster[it.id] != want {
			continue // a rule of its own
		}
		a.with = append(a.with, example{like.logits(), cluster[it.id] == want})
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(by))
	a.fold = h.Sum32() >> 8 % folds
	return a, len(a.with) > 0
}

// TestChooseSure fits the weights on the development answers, with HEARTH_CHOOSE=1:
// a logistic regression, held small, of which none may have the other sign than makes
// sense. What it prints of each threshold is cross-validated: a cluster's questions
// are judged by weights that were fitted without them. English intents are not fitted
// on: each of the development half is asked among the others, as in a community of one
// trade, where nearly all questions share words.
func TestChooseSure(t *testing.T) {
	if os.Getenv("HEARTH_CHOOSE") == "" {
		t.Skip("with HEARTH_CHOOSE=1 this fits the weights of sure answers on the development ones")
	}
	var all []asking
	could := map[string]int{}
	files := []string{"answers_dev.tsv", "answers_wide.tsv", "answers_fresh.tsv", "English intents"}
	x, wording, cluster := knownQuestions(t)
	for _, file := range files[:3] {
		for _, r := range answersOf(t, file, false) {
			want, _, _ := strings.Cut(r.Cluster, ".")
			if want != "-" {
				could[file]++
			}
			if a, ok := beside(x, file, r.Text, want, 0, wording, cluster); ok {
				all = append(all, a)
			}
		}
	}
	w := fit(all, folds)
	fmt.Printf("sure %.2f\n", w)
	var of [folds + 1]weights
	for k := range of {
		of[k] = fit(all, uint32(k))
	}

	intents := halfOf(rowsOf(t, files[3]), false, "")
	x, wording, cluster = New(0), map[uint32]string{}, map[uint32]string{}
	var questions []text.Analysis
	for _, r := range intents {
		questions = append(questions, text.Analyse(r.Text))
	}
	items := x.Add(questions...)
	for i, item := range items {
		wording[item], cluster[item] = intents[i].Text, intents[i].Cluster
	}
	for i, r := range intents {
		could[files[3]]++
		if a, ok := beside(x, files[3], r.Text, r.Cluster, items[i], wording, cluster); ok {
			a.fold = folds
			all = append(all, a)
		}
	}
	for _, threshold := range []float64{0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9} {
		said, right := map[string]int{}, map[string]int{}
		for _, a := range all {
			if e := a.best(&of[a.fold]); of[a.fold].score(&e.x) >= threshold {
				said[a.file]++
				if e.right {
					right[a.file]++
				}
			}
		}
		fmt.Printf("%.2f", threshold)
		for _, file := range files {
			fmt.Printf("  %s: %d of %d right, precision %.3f, coverage %.3f", file, right[file], said[file], float64(right[file])/float64(max(1, said[file])), float64(right[file])/float64(could[file]))
		}
		fmt.Println()
	}
}

func (w *weights) score(x *weights) float64 {
	z := 0.0
	for i := range w {
		z += w[i] * x[i]
	}
	return 1 / (1 + math.Exp(-z))
}

// best is what a question is most like.
func (a *asking) best(w *weights) example {
	b := a.with[0]
	for _, e := range a.with[1:] {
		if w.score(&e.x) > w.score(&b.x) {
			b = e
		}
	}
	return b
}

// fit fits weights on all questions but a fold's: on what each is most like, which the
// weights so far say.
func fit(all []asking, without uint32) weights {
	w := weights{-7, 3, 3, 3, -2, -1}
	for range 4 {
		var chosen []example
		for _, a := range all {
			if a.fold != without {
				chosen = append(chosen, a.best(&w))
			}
		}
		w = regress(chosen)
	}
	return w
}

// regress is a logistic regression by Newton's method, with a penalty of half the
// square of each weight but the first.
func regress(examples []example) (w weights) {
	const n = len(w)
	signs := weights{0, 1, 1, 1, -1, -1}
	for range 30 {
		var m [n][n + 1]float64
		for _, e := range examples {
			p := w.score(&e.x)
			y := 0.0
			if e.right {
				y = 1
			}
			for i := range n {
				m[i][n] += (p - y) * e.x[i]
				for k := range n {
					m[i][k] += p * (1 - p) * e.x[i] * e.x[k]
				}
			}
		}
		for i := 1; i < n; i++ {
			m[i][n] += w[i]
			m[i][i]++
		}
		for c := range n { // positive definite: no pivots have to be looked for
			for r := range n {
				if r != c {
					f := m[r][c] / m[c][c]
					for k := c; k <= n; k++ {
						m[r][k] -= f * m[c][k]
					}
				}
			}
		}
		for i := range n {
			if w[i] -= m[i][n] / m[i][i]; w[i]*signs[i] < 0 {
				w[i] = 0
			}
		}
	}
	return w
}
