//go:build !linux

package native

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// exe is how the name of a program ends.
var exe = map[bool]string{true: ".exe"}[runtime.GOOS == "windows"]

// jail is what children are kept in: here a directory and a time.
type jail struct {
	dir   string
	root  string // what they call dir
	lacks string
}

func newJail(ctx context.Context, o *Options) (jail, error) {
	j := jail{dir: o.Dir, root: o.Dir, lacks: "the network, files, memory and processors: hearth can restrict a child on Linux only"}
	return j, j.command(ctx, "compile", []string{"-V"}).Run()
}

func (j *jail) command(ctx context.Context, tool string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(j.dir, "bin", tool+exe), args...)
	cmd.Dir = j.dir
	return cmd
}

func stoppedForTime(error) bool { return false }

func peak(*os.ProcessState) int64 { return 0 }
