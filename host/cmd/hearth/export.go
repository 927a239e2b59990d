package main

import (
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

func newExport(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what hearth has gathered as files",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var all bool
	knowledge := &cobra.Command{
		Use:   "knowledge DIR",
		Short: "Write what was asked and answered as Markdown files",
		Long: "Write what was asked and answered as Markdown files: one for each question, named by its number and its beginning,\n" +
			"and README.md, which lists them. Only what was asked in public channels is written, unless --all is given.\n" +
			"A directory that an export has written before is written anew; one with other files in it is left alone.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runExport(cmd, g, args[0], all) },
	}
	knowledge.Flags().BoolVar(&all, "all", false, "what is not public, too, and what is hidden")
	cmd.AddCommand(knowledge)
	return cmd
}

// exportMark is the first line of the list that an export writes: by it the
// next one knows the directory again.
const exportMark = "<!-- written by hearth export knowledge: what you write here is gone after the next -->"

func runExport(cmd *cobra.Command, g *globals, dir string, all bool) error {
	if err := ours(dir); err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	stop := waiting(cmd.ErrOrStderr(), "reading what was asked")
	var topics []web.KnownTopic
	for after := ""; ; {
		p, err := c.Knowledge(cmd.Context(), after)
		if err != nil {
			stop()
			return err
		}
		for _, t := range p.Topics {
			if all || t.Public && !t.Hidden {
				topics = append(topics, t)
			}
		}
		if after = p.Next; after == "" {
			break
		}
	}
	stop()
	if err := writeKnowledge(dir, topics); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d topics are in %s\n", len(topics), dir)
	return nil
}

// ours says why a directory may not be written: it has files that no export wrote.
func ours(dir string) error {
	list, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(list) == 0:
		return nil
	case err != nil:
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil || !strings.HasPrefix(string(b), exportMark) {
		return fmt.Errorf("%s has files that no export has written; give a directory that is empty, or not there", dir)
	}
	return nil
}

// writeKnowledge writes the topics, and takes away those that an earlier export
// wrote and that are no more.
func writeKnowledge(dir string, topics []web.KnownTopic) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9][0-9][0-9]*.md"))
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, name := range old {
		gone[name] = true
	}
	var index strings.Builder
	fmt.Fprintf(&index, "%s\n\n# Questions and answers\n\n", exportMark)
	// The list comes first: should the writing end here, the directory is known again.
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(index.String()), 0o644); err != nil {
		return err
	}
	for i := range topics {
		t := &topics[i]
		name := fmt.Sprintf("%05d%s.md", t.ID, slug(t.Title))
		fmt.Fprintf(&index, "- [%s](%s), asked %d times\n", plainLine(t.Title), name, t.Asked)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(topicFile(t)), 0o644); err != nil {
			return err
		}
		delete(gone, path)
	}
	for name := range gone {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(index.String()), 0o644)
}

// slug is the first words of a title as a part of a file's name, each with a dash
// before it; "" if nothing of it can be one.
func slug(title string) string {
	const most = 70 // bytes; a word that is longer by itself is cut
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if b.Len() > 0 && b.Len()+len(word) > most {
			break
		}
		b.WriteString("-" + strings.TrimSuffix(source.Cut(word, most), "…"))
	}
	return b.String()
}

// topicFile is a topic as a Markdown file.
func topicFile(t *web.KnownTopic) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", plainLine(t.Title))
	if a := t.Answer; a != nil {
		author := plainLine(a.Author)
		if author == "" {
			author = "somebody who has left"
		}
		fmt.Fprintf(&b, "%s\n\n— %s", markdownText(a.Text), author)
		if strings.HasPrefix(a.Source.URL, "https://") {
			fmt.Fprintf(&b, ", <%s>", strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20", "\n", "").Replace(page.Printable(a.Source.URL)))
		}
		fmt.Fprintf(&b, "\n\nHow it was found: %s. Confidence: %.0f %%.\n", plainLine(a.Why), 100*a.Confidence)
	} else {
		b.WriteString("No answer is known yet.\n")
	}
	fmt.Fprintf(&b, "\nAsked %d times; updated %s.\n", t.Asked, time.UnixMilli(t.Updated).UTC().Format("2006-01-02"))
	if len(t.Questions) > 0 {
		b.WriteString("\n## How it was asked\n\n")
		for _, q := range t.Questions {
			fmt.Fprintf(&b, "- %s\n", plainLine(q.Text))
		}
	}
	return b.String()
}

// plainLine is a text as one line in which nothing is Markdown or HTML.
func plainLine(s string) string {
	s = strings.Join(strings.Fields(page.Printable(s)), " ")
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()#+-!|<>~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// markdownText is what a member wrote, with its Markdown and without HTML. A fence
// that was left open is closed, so that it does not take in what follows.
func markdownText(s string) string {
	var b strings.Builder
	fence := false
	for line := range strings.Lines(page.Printable(s)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fence = !fence
		case !fence:
			line = html.EscapeString(line)
		}
		b.WriteString(line + "\n")
	}
	if fence {
		b.WriteString("```\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
