package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const exe = ""

// jail is what children are kept in: util-linux's prlimit, which bounds itself,
// and its unshare, which leaves this machine's namespaces, before either becomes
// the tool.
//
// Go could make the namespaces itself. But a child in a user namespace of its own
// it makes by a fork of the whole process, and after that every page that hearth
// writes to costs a page fault: half a second of them for each compilation. A
// child without one it makes as cheaply as ever, so a small program goes between.
type jail struct {
	dir   string
	root  string // what the children call dir: "" where they see nothing else
	wrap  []string
	lacks string
}

// newJail tries how a child can be kept: some systems and containers let nobody
// make namespaces, and some have not got util-linux.
func newJail(ctx context.Context, o *Options) (jail, error) {
	bounds := []string{"prlimit", "--cpu=" + strconv.Itoa(int(o.Time.Seconds())+1), "--data=" + strconv.FormatInt(o.Memory, 10),
		"--fsize=" + strconv.FormatInt(o.File, 10), "--nofile=256", "--core=0", "--"}
	apart := []string{"unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts", "--mount", "--pid", "--fork", "--kill-child",
		"--root=" + o.Dir, "--wd=/", "--"}
	var refused error
	for _, j := range []jail{
		{dir: o.Dir, wrap: append(bounds[:len(bounds):len(bounds)], apart...)},
		{dir: o.Dir, wrap: bounds, root: o.Dir, lacks: "the network and the files that hearth can read"},
		{dir: o.Dir, root: o.Dir, lacks: "the network, the files that hearth can read, all processors and all memory"},
	} {
		err := j.command(ctx, "compile", []string{"-V"}).Run()
		if err == nil {
			if j.lacks != "" {
				j.lacks += fmt.Sprintf(" (%v)", refused)
			}
			return j, nil
		}
		if refused == nil {
			refused = fmt.Errorf("%s: %w", j.wrap[0], err)
		}
	}
	return jail{}, refused
}

func (j *jail) command(ctx context.Context, tool string, args []string) *exec.Cmd {
	path := filepath.Join(j.dir, "bin", tool)
	if j.root == "" {
		path = "/bin/" + tool
	}
	argv := append(append(j.wrap[:len(j.wrap):len(j.wrap)], path), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = j.dir
	return cmd
}

// stoppedForTime says whether the kernel ended a child for its processor time.
func stoppedForTime(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == unix.SIGXCPU || status.Signal() == unix.SIGKILL)
}

// peak is the most memory that an ended child, or a child of its, took at once,
// in bytes.
func peak(state *os.ProcessState) int64 {
	if state == nil {
		return 0
	}
	if u, ok := state.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10
	}
	return 0
}
