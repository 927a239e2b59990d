package toolchain

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Bounds on a pack. Go 1.26's has two tools of 48 and 11 MB and 350 archives of
// 125 MB together.
const (
	maxFile     = 256 << 20
	maxUnpacked = 1 << 30
	maxArchives = 2_000
)

// unpack writes the files of a pack to home, which it replaces.
func unpack(pack io.Reader, home string) (err error) {
	z, err := zstd.NewReader(pack, zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return err
	}
	defer z.Close()
	tmp, err := os.MkdirTemp(filepath.Dir(home), "unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	std, err := os.OpenFile(filepath.Join(tmp, "std.bin"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer std.Close()
	x := index{Sums: map[string]string{}}
	end := int64(0)
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Size < 0 || h.Size > maxFile || end+h.Size > maxUnpacked || len(x.Archives) == maxArchives {
			return fmt.Errorf("%q is no file of a pack, or is too large: %d bytes", h.Name, h.Size)
		}
		p, isArchive := strings.CutPrefix(h.Name, "std/")
		p, isArchive2 := strings.CutSuffix(p, ".a")
		switch {
		case h.Name == "VERSION":
			b, err := io.ReadAll(io.LimitReader(r, 4<<10))
			if err != nil {
				return err
			}
			if err := x.about(string(b)); err != nil {
				return err
			}
		case h.Name == Compile+".wasm" || h.Name == Link+".wasm":
			b, err := io.ReadAll(r)
			if err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
			x.Sums[h.Name] = sum(b)
			if err := os.WriteFile(filepath.Join(tmp, h.Name), b, 0o600); err != nil {
				return err
			}
		case h.Name == ownRuntime || isArchive && isArchive2 && validPackage(p):
			n, err := io.Copy(std, r)
			if err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
			a := archive{p, end, end + n}
			end += n
			if h.Name == ownRuntime {
				a.Package = "runtime"
				x.Runtime = &a
			} else {
				x.Archives = append(x.Archives, a)
			}
		default:
			return fmt.Errorf("%q does not belong into a pack", h.Name)
		}
	}
	if (x.Runtime == nil) != (x.Plain[Link] != "") {
		return errors.New("its linker and its runtime do not belong together")
	}
	if x.Version == "" || x.Sums[Compile+".wasm"] == "" || x.Sums[Link+".wasm"] == "" || len(x.Archives) == 0 {
		return errors.New("it lacks VERSION, a tool or the archives")
	}
	if err := std.Close(); err != nil {
		return err
	}
	b, unmap, err := mapFile(filepath.Join(tmp, "std.bin"))
	if err != nil {
		return err
	}
	x.Sums["std.bin"] = sum(b)
	if err := unmap(); err != nil {
		return err
	}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, "index.json"), text, 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	if err := os.Rename(tmp, home); err != nil {
		// Somebody else was faster: what they unpacked is the same.
		if _, there := os.Stat(filepath.Join(home, "index.json")); there != nil {
			return err
		}
	}
	return nil
}

// about reads what VERSION says.
func (x *index) about(text string) error {
	version, rest, _ := strings.Cut(text, "\n")
	mark, rest, _ := strings.Cut(rest, "\n")
	if mark != layout {
		return fmt.Errorf("it is no pack for this hearth (it is marked %q, and %q is wanted): `make toolchain` makes one", mark, layout)
	}
	x.Version, x.Plain = strings.TrimSpace(version), map[string]string{}
	for line := range strings.Lines(rest) {
		if line, ok := strings.CutPrefix(strings.TrimSpace(line), plainMark); ok {
			tool, reason, _ := strings.Cut(line, " ")
			x.Plain[tool] = reason
		}
	}
	return nil
}
