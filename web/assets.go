package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// digestOf tells the files below a directory from all they ever were: it stands
// in their addresses, so that a browser keeps them for ever and never mixes
// versions.
func digestOf(files embed.FS, dir string) string {
	h := sha256.New()
	_ = fs.WalkDir(files, dir, func(p string, d fs.DirEntry, err error) error { // what is embedded can be read
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		fmt.Fprintf(h, "%s %d\n%s", p, len(b), b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6])
}
