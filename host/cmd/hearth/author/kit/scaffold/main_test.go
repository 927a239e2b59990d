package main

import (
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestTranscripts holds the plugin to the transcripts: what happens stands in
// lines with ">", and `go test -update` writes under them what the plugin does.
func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

// TestManifestIsComplete wants every text in English and in Chinese.
func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

func TestEachMemberIsCountedApart(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	ann, bob := b.Member("ann"), b.Member("bob")
	for range 3 {
		ann.Runs("dm", "/scaffold")
	}
	bob.Runs("dm", "/scaffold")
	seen := bob.Sees("dm")
	if text := seen[len(seen)-1].Text(); !strings.Contains(text, "1") {
		t.Errorf("Bob is told %q, want once", text)
	}
}
