package meter

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"sync"
)

// sources are what decides how a module is metered, named one by one so that a
// new file is not forgotten: a test compares them with the directory.
//
//go:embed code.go doc.go errors.go limits.go meter.go opcode.go reader.go scan.go sections.go segments.go shell.go version.go
var sources embed.FS

// Version stands for the meter as it is: two with the same Version make the same
// of a module. It is a hash of the meter's own source, so that nobody has to
// think of changing it.
func Version() string { return version() }

var version = sync.OnceValue(func() string {
	h := sha256.New()
	files, err := sources.ReadDir(".")
	if err != nil {
		panic(err) // they are in the binary
	}
	for _, f := range files {
		text, err := sources.ReadFile(f.Name())
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(h, "%s %d\n%s", f.Name(), len(text), text)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
})
