package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Pack reads the archive's files from the module of hearth in root and, by its
// go.mod, from the module cache.
func Pack(ctx context.Context, root string) (map[string][]byte, error) {
	args := []string{"list", "-m", "-json"}
	for _, m := range modules {
		args = append(args, m.path)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var x *exec.ExitError
		if errors.As(err, &x) {
			err = fmt.Errorf("%w: %s", err, x.Stderr)
		}
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	sources, goVersion := map[string]Source{}, ""
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m struct{ Path, Version, Dir, GoVersion string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		if m.Dir == "" {
			return nil, fmt.Errorf("%s is not in the module cache; `go mod download` fetches it", m.Path)
		}
		sources[m.Path] = Source{Dir: m.Dir, Version: m.Version}
		if m.Path == modules[0].path {
			goVersion = m.GoVersion
		}
	}
	return Files(sources, goVersion)
}
