package labelled

import (
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text      string
		clustered bool
		want      []Row
		err       string
	}{
		{"en\thow?\r\n\nzh\t怎么 \n", false, []Row{{"", "en", "how?"}, {"", "zh", "怎么"}}, ""},
		{"\ufefflang\ttext\nen\thow?", false, []Row{{"", "en", "how?"}}, ""},
		{"cluster\tlang\ttext\tsource\na\ten\thow?\tfaq\n", true, []Row{{"a", "en", "how?"}}, ""},
		{"a\ten\thow?\n", true, []Row{{"a", "en", "how?"}}, ""},
		{"a\ten\thow?\tfaq\n", true, nil, "f.tsv:1: there are 4 columns, and there have to be 3"},
		{"en\tx\na\ten\thow?\n", false, nil, "f.tsv:2: there are 3 columns, and there have to be 2 with tabs between them: lang, text; for a file with clusters say --score"},
		{"how?\n", false, nil, "f.tsv:1: there are 1 columns"},
		{"en\thow\nhow is it\tx\n", false, nil, `f.tsv:2: "how is it" is no language`},
		{"en\t \n", false, nil, "f.tsv:1: the text is empty"},
		{"\ten\tx\n", true, nil, "f.tsv:1: the cluster is empty"},
		{"en\t\xff\n", false, nil, "f.tsv:1: it is not UTF-8"},
		{"en\tok\nen\t" + strings.Repeat("x", MaxLine), false, nil, "f.tsv:2: the line is longer than 64 KiB"},
		{"\n\n", false, nil, "f.tsv: there is no question in it"},
		{"", true, nil, "f.tsv: there is no question in it"},
	} {
		got, err := Read(strings.NewReader(c.text), "f.tsv", c.clustered)
		if c.err == "" && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%.40q: %v, %v", c.text, got, err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%.40q: %v, want %q", c.text, err, c.err)
		}
	}
}

func TestReported(t *testing.T) {
	if Reported("deadlock.en") != Reported("deadlock.zh") || Reported("deadlock") != Reported("deadlock.en") {
		t.Error("a question's wordings are in two halves")
	}
	n := 0
	for _, c := range strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z") {
		if Reported(c) {
			n++
		}
	}
	if n < 5 || n > 21 {
		t.Errorf("%d of 26 are in one half", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("cluster\tlang\ttext\na\ten\thow?\n", true)
	f.Add("en\thow?\nzh\t怎么\n", false)
	f.Fuzz(func(t *testing.T, s string, clustered bool) {
		rows, err := Read(strings.NewReader(s), "f", clustered)
		if (err == nil) != (len(rows) > 0) {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		for _, r := range rows {
			if r.Text == "" || r.Lang == "" || (r.Cluster == "") == clustered {
				t.Errorf("%+v", r)
			}
		}
	})
}
