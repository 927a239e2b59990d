package main

import (
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
	"github.com/hearthbot/hearth/sdk"
)

// builtin is the pack that the plugin comes with.
var builtin fs.FS = tasks.FS

// files are laid over those of the built-in pack, by their path.
var files = sdk.CommunityMap[string]("pack")

// learning is the path, own the community's files, and problem what keeps them
// out of it. They are made with the image.
var (
	learning *pack.Pack
	own      map[string]string
	problem  string
)

// loadPath reads the built-in pack with the community's files over it. If
// something is wrong with those, the built-in pack is there alone.
func loadPath(v *sdk.View[Config]) (err error) {
	// Their codecs are made with the image, not by each event.
	_, _, _ = sdk.Note(ticket{}), sdk.Note(attempt{}), sdk.Note(reminder{})
	own, problem = maps.Collect(files.All(v)), ""
	if len(own) > 0 {
		if learning, err = pack.Load(pack.Overlay{FS: builtin, Files: own}); err == nil {
			return nil
		}
		problem = err.Error()
		v.Warn("the community's own tasks are left out: %.900s", problem)
	}
	learning, err = pack.Load(builtin)
	return err
}

// maxOwn is how many bytes a file of the community's may have: what a row holds.
const maxOwn = 60 << 10

// changePack lays files over the pack: the properties are paths and texts, and
// an empty text takes the community's file away again. The host sends it when a
// manager changes tasks.
func changePack(c *ctx) error {
	for _, f := range c.Event.Custom.Props {
		switch {
		case !fs.ValidPath(f.Name) || len(f.Name) > 100 || len(f.Value) > maxOwn:
			c.Warn("%.120q is no path in a pack, or the file has more than %d KiB", f.Name, maxOwn>>10)
		case f.Value == "":
			files.Delete(c, f.Name)
		default:
			files.Set(c, f.Name, f.Value)
		}
	}
	return nil
}

// maxUnnamed is how many files one forgetting rewrites: what an invocation may
// write. Of the rest the host deletes what names them.
const maxUnnamed = 40

// unname puts other letters in the place of somebody's id where a file of the
// community's tells members whom to ask. The file would go whole else, and with it
// the path, as the host deletes what names somebody who is forgotten.
func unname(c *ctx) error {
	n := 0
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if _, is := without(own[name], c.Member.ID); !is || n == maxUnnamed {
			continue
		}
		if text, ok := files.Lookup(c, name); ok {
			text, _ = without(text, c.Member.ID)
			files.Set(c, name, text)
			n++
		}
	}
	return nil
}

// without is a text with other letters in the place of an id, but not of a longer
// one that begins like it. It says whether the id was there.
func without(text, id string) (out string, is bool) {
	platform, local, _ := strings.Cut(id, ":")
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, id)
		b.WriteString(before)
		if !found {
			return b.String(), is
		}
		if text = rest; rest != "" && idByte(rest[0]) {
			b.WriteString(id)
			continue
		}
		is = true
		b.WriteString(platform + ":" + strings.Repeat("x", len(local)))
	}
}

func idByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '_'
}
