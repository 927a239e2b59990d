package wasm

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	tailSize   = 4 << 10 // of stderr, for Error.Stderr
	headSize   = 16      // of a line, enough to know a crash by
	maxMessage = 1 << 10 // of a crash, on one line
	traceLines = 24      // of a crashed goroutine
)

// stdio keeps what a guest writes: the first bytes of all of it, and of stderr
// the last; but once the guest's runtime reports a crash, what follows from
// there, for a crash says why first and fills pages afterwards.
type stdio struct {
	limit int
	all   []byte
	lost  int // bytes of all that are not kept

	last    []byte // of stderr
	lastCut int    // bytes of stderr that are not in last
	crashed bool   // last begins with the line that reports a crash
	line    []byte // the beginning of stderr's line under way, at most headSize bytes
	inLine  bool   // the line is known to be no crash's first
}

func (s *stdio) reset(limit int) {
	s.limit, s.lost, s.lastCut, s.crashed, s.inLine = limit, 0, 0, false, false
	s.all, s.last, s.line = s.all[:0], s.last[:0], s.line[:0]
}

func (s *stdio) write(stderr bool, p []byte) {
	n := min(len(p), s.limit-len(s.all))
	s.all = append(s.all, p[:n]...)
	s.lost += len(p) - n
	for stderr && len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		s.writeLine(p[:n])
		p = p[n:]
	}
}

// writeLine takes a piece of one line. Go's runtime prints word by word.
func (s *stdio) writeLine(p []byte) {
	rest := p
	if !s.inLine {
		k := min(len(p), headSize-len(s.line))
		s.line = append(s.line, p[:k]...)
		switch head := string(s.line); {
		case strings.HasPrefix(head, "panic: "), strings.HasPrefix(head, "fatal error: "):
			s.last, rest = append(s.last[:0], head...), p[k:]
			s.crashed, s.lastCut, s.inLine = true, 0, true
		case len(s.line) == headSize:
			s.inLine = true
		}
	}
	s.keep(rest)
	if p[len(p)-1] == '\n' {
		s.line, s.inLine = s.line[:0], false
	}
}

func (s *stdio) keep(p []byte) {
	if s.crashed {
		n := max(0, min(len(p), tailSize-len(s.last)))
		s.last = append(s.last, p[:n]...)
		s.lastCut += len(p) - n
		return
	}
	if len(p) > tailSize {
		s.lastCut += len(s.last) + len(p) - tailSize
		s.last, p = s.last[:0], p[len(p)-tailSize:]
	}
	s.last = append(s.last, p...)
	if len(s.last) > 4*tailSize { // moved seldom, not at every write
		cut := len(s.last) - tailSize
		s.lastCut += cut
		s.last = s.last[:copy(s.last, s.last[cut:])]
	}
}

// crash is the message of a reported crash on one line, "" if there was none.
func (s *stdio) crash() string {
	if !s.crashed {
		return ""
	}
	text, _, _ := strings.Cut(string(s.last), "\n\n")
	text, _, _ = strings.Cut(text, "\ngoroutine ")
	return clip([]byte(strings.Join(strings.Fields(text), " ")), maxMessage)
}

// tail is the end of stderr. Of a crash it is the message and the beginning of
// the goroutine that crashed: dumps of stacks, registers and other goroutines
// are cut.
func (s *stdio) tail() string {
	if s.crashed {
		return clean(s.last, s.lastCut)
	}
	b, cut := s.last, s.lastCut
	if len(b) > tailSize {
		cut += len(b) - tailSize
		b = b[len(b)-tailSize:]
	}
	text := strings.ToValidUTF8(string(b), "�")
	if cut > 0 {
		return fmt.Sprintf("… %d bytes before\n%s", cut, text)
	}
	return text
}

// clean cuts a crash's dump down to what helps.
func clean(dump []byte, cut int) string {
	text := strings.ToValidUTF8(string(dump), "�")
	all := len(text) + cut
	message, rest, _ := strings.Cut(text, "\n\n")
	if !strings.HasPrefix(rest, "goroutine ") {
		_, rest, _ = strings.Cut(rest, "\n\ngoroutine ")
		if rest != "" {
			rest = "goroutine " + rest
		}
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	if lines := strings.SplitAfterN(rest, "\n", traceLines+1); len(lines) > traceLines {
		rest = strings.Join(lines[:traceLines], "")
	}
	text = strings.TrimRight(message+"\n\n"+rest, "\n")
	if left := all - len(text); left > 2 {
		text += fmt.Sprintf("\n… %d bytes more", left)
	}
	return text
}
