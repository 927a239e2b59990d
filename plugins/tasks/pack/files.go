package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// maxOthers is how many files beside a pack's own are borne.
const maxOthers = 1000

// Read returns the texts of the files that a pack is made of, by their path and
// as Load reads them, and the paths of what is no part of one. Together they
// are within MaxBytes; the error says what cannot be read.
func Read(fsys fs.FS) (files map[string]string, others []string, err error) {
	l := &loader{fs: fsys, room: MaxBytes}
	files = map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case !IsFile(name):
			if others = append(others, name); len(others) > maxOthers {
				return fmt.Errorf("there are more than %d files that are no part of a pack, such as %s; is this the right folder?", maxOthers, name)
			}
			return nil
		}
		if text, ok := l.read(name); ok {
			files[name] = text
		}
		return nil
	})
	if err := errors.Join(append(l.problems, err)...); err != nil {
		return nil, nil, err
	}
	return files, others, nil
}

// IsFile says whether a pack may have a file of that path.
func IsFile(name string) bool {
	if name == "path.txt" {
		return true
	}
	id, file, below := strings.Cut(name, "/")
	if !below {
		return slices.ContainsFunc(Locales, func(l string) bool { return name == "stages."+l+".json" })
	}
	return isID(id) && (file == "code.txtar" || slices.Contains(TaskFiles(id), name))
}

// TaskFiles are the paths of the files that a task may have.
func TaskFiles(id string) []string {
	out := []string{id + "/task.md"}
	for _, l := range Locales[1:] {
		out = append(out, id+"/task."+l+".md")
	}
	return append(out, id+"/code.txtar")
}

// IsID says whether a task or a stage may be called so.
func IsID(s string) bool { return isID(s) }

// Translated adds to the files of a pack what it lacks in a language and other,
// which lies below it, has: the English stands there in its place. So a pack in
// one language can be laid over one in two. It returns the paths it added.
func Translated(files, other map[string]string) (added []string) {
	for _, name := range slices.Sorted(maps.Keys(other)) {
		if _, there := files[name]; there {
			continue
		}
		for _, l := range Locales[1:] {
			if base, ok := strings.CutSuffix(name, "."+l+".json"); ok {
				if en, there := files[base+".en.json"]; there {
					files[name] = en
					added = append(added, name)
				}
			}
			if base, ok := strings.CutSuffix(name, "."+l+".md"); ok {
				if en, there := files[base+".md"]; there {
					files[name] = body(en)
					added = append(added, name)
				}
			}
		}
	}
	return added
}

// body is a task.md without its front matter.
func body(text string) string {
	if rest, ok := strings.CutPrefix(text, "---\n"); ok {
		if _, after, ok := strings.Cut(rest, "\n---\n"); ok {
			return after
		}
	}
	return text
}

// PathText is path.txt for an order of stages and their tasks.
func PathText(stages []*Stage) string {
	var b strings.Builder
	for i, s := range stages {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("# " + s.ID + "\n")
		for _, t := range s.Tasks {
			b.WriteString(t.ID + "\n")
		}
	}
	return b.String()
}
