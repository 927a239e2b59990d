package gocmd

import "os"

// forwarded are the signals that go gets too.
var forwarded = []os.Signal{os.Interrupt}

// dieLike ends this process by the signal that ended another; there are none.
func dieLike(*os.ProcessState) int { return 1 }
