package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/plugins/digest/cluster"
	"github.com/hearthbot/hearth/plugins/digest/labelled"
	"github.com/hearthbot/hearth/plugins/digest/score"
	"github.com/hearthbot/hearth/plugins/digest/text"
)

func newDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Check on data of your own what hearth makes of it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var scored, asJSON bool
	c := &cobra.Command{
		Use:   "cluster FILE.tsv|-",
		Short: "Put questions together that ask the same, as the digest does",
		Long: "Put questions together that ask the same, by the code of the digest plugin and in the order of the lines.\n" +
			"A line is LANG<tab>TEXT; for each, the number of its cluster is printed. With --score it is CLUSTER<tab>LANG<tab>TEXT,\n" +
			"and what is printed is how near the clusters found are to those given: of the pairs of questions put together,\n" +
			"how many belong together (precision), of those that belong together how many were put (recall), their harmonic\n" +
			"mean (pair-F1), the adjusted Rand index and V-measure, by language and for all. A first line may name the columns.",
		Example: "  hearth dev cluster questions.tsv\n  hearth dev cluster --score labelled.tsv",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := readQuestions(cmd.InOrStdin(), args[0], scored)
			if err != nil {
				return err
			}
			found := putTogether(rows)
			if scored {
				return printScores(cmd.OutOrStdout(), rows, found, asJSON)
			}
			return printClusters(cmd.OutOrStdout(), found, asJSON)
		},
	}
	c.Flags().BoolVar(&scored, "score", false, "lines begin with the true cluster: print how near what is found comes to it")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(c, newSimulate())
	return cmd
}

func readQuestions(in io.Reader, name string, clustered bool) ([]labelled.Row, error) {
	if name == "-" {
		return labelled.Read(in, "standard input", clustered)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return labelled.Read(f, name, clustered)
}

// putTogether numbers each row's cluster, from 1 in the order of their first
// rows.
func putTogether(rows []labelled.Row) []int {
	questions := make([]text.Analysis, len(rows))
	for i, r := range rows {
		questions[i] = text.Analyse(r.Text)
	}
	// Nothing may be forgotten for want of room: every line has an answer.
	x := cluster.New(len(rows))
	items := x.Add(questions...)
	numbers := map[uint32]int{}
	found := make([]int, len(rows))
	for i, item := range items {
		topic, _ := x.Topic(item)
		if numbers[topic] == 0 {
			numbers[topic] = len(numbers) + 1
		}
		found[i] = numbers[topic]
	}
	return found
}

func printClusters(w io.Writer, found []int, asJSON bool) error {
	if asJSON {
		return printJSON(w, found)
	}
	for _, n := range found {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
	}
	return nil
}

// scores are the measures of the rows in one language.
type scores struct {
	Lang string `json:"lang"` // "all" for all
	score.Measures
}

func printScores(w io.Writer, rows []labelled.Row, found []int, asJSON bool) error {
	var langs []string
	for _, r := range rows {
		if !slices.Contains(langs, r.Lang) {
			langs = append(langs, r.Lang)
		}
	}
	slices.Sort(langs)
	if len(langs) < 2 {
		langs = nil
	}
	var all []scores
	for _, lang := range append(langs, "all") {
		var truth []string
		var got []int
		for i, r := range rows {
			if lang == "all" || r.Lang == lang {
				truth, got = append(truth, r.Cluster), append(got, found[i])
			}
		}
		all = append(all, scores{lang, score.Compare(truth, got)})
	}
	if asJSON {
		return printJSON(w, all)
	}
	return table(w, func(row func(...string)) {
		row("lang", "questions", "true clusters", "found", "pair-F1", "precision", "recall", "ARI", "V-measure")
		for _, s := range all {
			cells := []string{s.Lang, strconv.Itoa(s.Items), strconv.Itoa(s.Classes), strconv.Itoa(s.Clusters)}
			for _, v := range []float64{s.F1, s.Precision, s.Recall, s.Rand, s.V} {
				cells = append(cells, strconv.FormatFloat(v, 'f', 3, 64))
			}
			row(cells...)
		}
	})
}
