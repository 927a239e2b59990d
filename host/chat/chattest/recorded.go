package chattest

import (
	"os"
	"path/filepath"
	"testing"
)

// Recorded returns a payload that was recorded from a real platform. They are
// kept beside the project and not in it, in shared/fixtures/platforms: root is
// the way from the test's directory to the project's. Where they are not the
// test is skipped and says so; in CI they have to be wherever shared/ is.
func Recorded(t testing.TB, root, name string) []byte {
	t.Helper()
	shared := filepath.Join(root, "..", "shared")
	data, err := os.ReadFile(filepath.Join(shared, "fixtures", "platforms", name))
	if err == nil {
		return data
	}
	if _, there := os.Stat(shared); there == nil && os.Getenv("HEARTH_CI") != "" {
		t.Fatalf("a recorded payload is missing: %v", err)
	}
	t.Skipf("the recorded payloads are not here, beside the project: %s", name)
	return nil
}
