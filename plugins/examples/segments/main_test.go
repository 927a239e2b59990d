package main

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

// TestWhoIsWhereSurvivesTheWayBack, but for what version 1 does not know.
func TestWhoIsWhereSurvivesTheWayBack(t *testing.T) {
	got := sdktest.Migrate(t, sdktest.Options{}, 1, 2, oldSegment.Of("test:ann").Row("late"))
	if len(got) != 1 {
		t.Fatalf("%v", got)
	}
	sdktest.RoundTrip(t, sdktest.Options{}, 1, 2, oldSegment.Of("test:ann").Row("late"))
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}
