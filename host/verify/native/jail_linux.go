package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const exe = ""

// jail is what children are kept in.
type jail struct {
	dir   string
	root  string // what they call dir: "" where they see nothing else
	apart bool   // in namespaces of their own
	lacks string
}

// newJail tries how a child can be kept: some systems and containers let nobody
// make namespaces.
func newJail(ctx context.Context, o *Options) (jail, error) {
	j := jail{dir: o.Dir, apart: true}
	refused := j.try(ctx, o)
	if refused == nil {
		return j, nil
	}
	j = jail{dir: o.Dir, root: o.Dir,
		lacks: fmt.Sprintf("the network and files that hearth can read: the system allows no namespaces (%v)", refused)}
	return j, j.try(ctx, o)
}

func (j *jail) try(ctx context.Context, o *Options) error {
	return j.run(j.command(ctx, "compile", []string{"-V"}), o)
}

func (j *jail) command(ctx context.Context, tool string, args []string) *exec.Cmd {
	if !j.apart {
		cmd := exec.CommandContext(ctx, filepath.Join(j.dir, "bin", tool), args...)
		cmd.Dir = j.dir
		return cmd
	}
	cmd := exec.CommandContext(ctx, "/bin/"+tool, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: j.dir,
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// run starts cmd, bounds it, and waits for its end. The bounds come a moment
// after the start, long before a tool has read its first file.
func (j *jail) run(cmd *exec.Cmd, o *Options) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	seconds := uint64(o.Time.Seconds()) + 1
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_DATA:   uint64(o.Memory),
		unix.RLIMIT_FSIZE:  uint64(o.File),
		unix.RLIMIT_NOFILE: 256,
		unix.RLIMIT_CORE:   0,
	} {
		if err := unix.Prlimit(cmd.Process.Pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil && !errors.Is(err, unix.ESRCH) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return fmt.Errorf("bound a child: %w", err)
		}
	}
	return cmd.Wait()
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
