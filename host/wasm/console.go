package wasm

// console keeps what a command writes to stdout and stderr, up to a limit for
// both. Going over it ends the run: a guest does not stop because a write
// failed. But what Go's runtime prints of a crash is only cut, for the crash is
// what ended the run.
type console struct {
	streams [2][]byte // stdout, stderr
	limit   int
	cut     bool
}

func (c *console) write(fd uint32, p []byte, crashed bool) {
	room := c.limit - len(c.streams[0]) - len(c.streams[1])
	s := &c.streams[fd-1]
	*s = append(*s, p[:min(len(p), room)]...)
	if len(p) <= room {
		return
	}
	c.cut = true
	if !crashed {
		halt(ErrOutput, "it writes more than %d bytes", c.limit)
	}
}
