package cluster

import (
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/plugins/digest/labelled"
	"github.com/hearthbot/hearth/plugins/digest/score"
	"github.com/hearthbot/hearth/plugins/digest/text"
)

// sets are the labelled questions. Those that do not belong to this project lie
// beside it, and are not everywhere.
var sets = []struct {
	name, file string
	shared     bool
}{
	{"English intents", "en_banking77_dev.tsv", true},
	{"Chinese pairs", "zh_pairs.tsv", false},
	{"Go questions", "go_questions.tsv", false},
}

// read reads a set; no rows if it is not there.
func read(t testing.TB, file string, shared bool) []labelled.Row {
	t.Helper()
	path := filepath.Join("..", "testdata", file)
	if shared {
		path = filepath.Join("..", "..", "..", "..", "shared", "data", "questions", file)
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := labelled.Read(f, file, true)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// halfOf are the rows of one half, in one language; "" for all.
func halfOf(rows []labelled.Row, reported bool, lang string) (half []labelled.Row) {
	for _, r := range rows {
		if labelled.Reported(r.Cluster) == reported && (lang == "" || r.Lang == lang) {
			half = append(half, r)
		}
	}
	return half
}

// measure puts rows together and says how well.
func measure(rows []labelled.Row) score.Measures {
	x := New(len(rows))
	var questions []text.Analysis
	var truth []string
	for _, r := range rows {
		questions, truth = append(questions, text.Analyse(r.Text)), append(truth, r.Cluster)
	}
	return score.Compare(truth, topicsOf(x, x.Add(questions...)))
}

// TestQuality holds the tables of README.md: the halves that nothing was chosen on,
// and whole files. Numbers may rise.
func TestQuality(t *testing.T) {
	for _, c := range []struct {
		set, lang string
		whole     bool
		least     float64
	}{
		{"English intents", "", false, 0.57},
		{"Chinese pairs", "", false, 0.95},
		{"Go questions", "", false, 0.69},
		{"Go questions", "en", false, 0.83},
		{"Go questions", "zh", false, 0.68},
		{"English intents", "", true, 0.48},
		{"Chinese pairs", "", true, 0.93},
		{"Go questions", "", true, 0.64},
	} {
		rows := rowsOf(t, c.set)
		if rows == nil {
			t.Logf("%s are not measured: there is no shared/data/questions beside the project", c.set)
			continue
		}
		part := "whole"
		if !c.whole {
			rows, part = halfOf(rows, true, c.lang), "the reported half"
		}
		m := measure(rows)
		t.Logf("%s %s, %s: %d questions, %d clusters, pair-F1 %.3f (precision %.3f, recall %.3f), ARI %.3f, V %.3f",
			c.set, c.lang, part, m.Items, m.Classes, m.F1, m.Precision, m.Recall, m.Rand, m.V)
		if m.F1 < c.least {
			t.Errorf("%s %s, %s: pair-F1 fell to %.3f, it was at least %.2f", c.set, c.lang, part, m.F1, c.least)
		}
	}
}

func rowsOf(t testing.TB, set string) []labelled.Row {
	for _, s := range sets {
		if s.name == set {
			return read(t, s.file, s.shared)
		}
	}
	t.Fatalf("there is no set %s", set)
	return nil
}

// TestAliases joins the two languages' wordings of a question as maintainers do,
// by one merge each, and measures against the question whatever its language.
func TestAliases(t *testing.T) {
	rows := halfOf(rowsOf(t, "Go questions"), true, "")
	x := New(0)
	var questions []text.Analysis
	var truth []string
	for _, r := range rows {
		stem, _, _ := strings.Cut(r.Cluster, ".")
		questions, truth = append(questions, text.Analyse(r.Text)), append(truth, stem)
	}
	items := x.Add(questions...)
	before := score.Compare(truth, topicsOf(x, items))
	first := map[string]uint32{}
	merges := 0
	for i, r := range rows {
		other := truth[i] + map[string]string{"en": ".zh", "zh": ".en"}[r.Lang]
		if first[r.Cluster] != 0 {
			continue
		}
		first[r.Cluster] = items[i]
		if first[other] == 0 {
			continue
		}
		a, _ := x.Topic(first[other])
		b, _ := x.Topic(items[i])
		if err := x.Merge(a, b); err != nil {
			t.Fatal(err)
		}
		merges++
	}
	after := score.Compare(truth, topicsOf(x, items))
	t.Logf("both languages together: pair-F1 %.3f, after %d merges %.3f", before.F1, merges, after.F1)
	if after.F1 < before.F1+0.05 {
		t.Errorf("%d merges brought pair-F1 from %.3f to %.3f", merges, before.F1, after.F1)
	}
}

// knownQuestions are the labelled questions, added, with the wording and the cluster
// of each item; an answer in the other language is right too, so clusters stand
// without it.
func knownQuestions(t testing.TB) (x *Index, wording, cluster map[uint32]string) {
	known := append(rowsOf(t, "Go questions"), rowsOf(t, "Chinese pairs")...)
	x, wording, cluster = New(0), map[uint32]string{}, map[uint32]string{}
	var questions []text.Analysis
	for _, r := range known {
		questions = append(questions, text.Analyse(r.Text))
	}
	for i, item := range x.Add(questions...) {
		if wording[item] == "" {
			wording[item] = text.Clip(known[i].Text, 120) // as a book keeps it
		}
		cluster[item], _, _ = strings.Cut(known[i].Cluster, ".")
	}
	return x, wording, cluster
}

// answersOf are the rows of a file; of answers_fresh.tsv one half: questions by their
// cluster, distractors, which have none, by their text.
func answersOf(t testing.TB, file string, reported bool) (rows []labelled.Row) {
	for _, r := range read(t, file, false) {
		half := labelled.Reported(r.Cluster)
		if r.Cluster == "-" {
			h := fnv.New32a()
			_, _ = h.Write([]byte(r.Text))
			half = h.Sum32()>>7&1 == 1
		}
		if half == reported || file != "answers_fresh.tsv" {
			rows = append(rows, r)
		}
	}
	return rows
}

// TestAnswers holds automatic answers to their precision, on questions and
// distractors; README.md says what was chosen on which.
func TestAnswers(t *testing.T) {
	x, wording, cluster := knownQuestions(t)
	for _, c := range []struct {
		name, file string
		reported   bool
		least      float64 // of those that could be answered
	}{
		{"dev", "answers_dev.tsv", false, 0.85},
		{"wide", "answers_wide.tsv", false, 0.75},
		{"fresh, chosen on", "answers_fresh.tsv", false, 0.4},
		{"small, reported", "answers.tsv", true, 0.55},
		{"fresh, reported", "answers_fresh.tsv", true, 0.25},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, right, could := 0, 0, 0
			likely, likelyRight := 0, 0
			asked := answersOf(t, c.file, c.reported)
			for _, r := range asked {
				want, _, _ := strings.Cut(r.Cluster, ".")
				if want != "-" {
					could++
				}
				m, ok := x.Known(text.Analyse(r.Text), r.Text, func(item uint32) string { return wording[item] })
				if !ok || m.Score < Likely {
					continue
				}
				likely++
				if cluster[m.Item] == want {
					likelyRight++
				}
				if m.Score < Sure {
					continue
				}
				said++
				if cluster[m.Item] == want {
					right++
				} else {
					t.Logf("%q is answered as %q, by %.2f (%.2f)", r.Text, wording[m.Item], m.Score, m.like.logits())
				}
			}
			precision := float64(right) / float64(max(said, 1))
			t.Logf("%d questions, %d distractors among them; %d answered, %d rightly: precision %.3f (with 95%% confidence at least %.3f), coverage %.3f; suggested %d, %d rightly: precision %.3f, coverage %.3f",
				len(asked), len(asked)-could, said, right, precision, atLeast(right, said), float64(right)/float64(could),
				likely, likelyRight, float64(likelyRight)/float64(max(likely, 1)), float64(likelyRight)/float64(could))
			if precision < 0.95 || float64(right) < c.least*float64(could) {
				t.Errorf("%d of %d answers are right, of %d that could be", right, said, could)
			}
		})
	}
}

// atLeast is the share of which right of n says with 95 % confidence that it is not
// less (Clopper and Pearson's bound, one-sided): with that share as many right ones
// would come in one of 20 cases.
func atLeast(right, n int) float64 {
	low, high := 0.0, 1.0
	for range 50 {
		p := (low + high) / 2
		tail, term := 0.0, math.Pow(p, float64(n)) // the chance of n right ones, of n-1 …
		for k := n; k >= right; k-- {
			tail += term
			term *= float64(k) / float64(n-k+1) * (1 - p) / p
		}
		if tail < 0.05 {
			low = p
		} else {
			high = p
		}
	}
	return low
}

// TestChoose chooses the thresholds on the development halves, with
// HEARTH_CHOOSE=1, and prints what they come to there.
func TestChoose(t *testing.T) {
	if os.Getenv("HEARTH_CHOOSE") == "" {
		t.Skip("with HEARTH_CHOOSE=1 this looks for the best thresholds on the development halves")
	}
	dev := map[text.Script][][]labelled.Row{}
	for _, s := range sets {
		rows := read(t, s.file, s.shared)
		if rows == nil {
			t.Fatalf("%s are needed", s.name)
		}
		if half := halfOf(rows, false, "en"); half != nil {
			dev[text.Latin] = append(dev[text.Latin], half)
		}
		if half := halfOf(rows, false, "zh"); half != nil {
			dev[text.Han] = append(dev[text.Han], half)
		}
	}
	for script := range text.Scripts {
		for th := float32(0.02); th < 0.5; th *= 1.15 {
			threshold[script] = th
			sum, each := 0.0, ""
			for _, rows := range dev[script] {
				f1 := measure(rows).F1
				sum += f1
				each += fmt.Sprintf(" %.3f", f1)
			}
			fmt.Printf("%v %.3f: mean %.3f, each%s\n", script, th, sum/float64(len(dev[script])), each)
		}
	}
}
