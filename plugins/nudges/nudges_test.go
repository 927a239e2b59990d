package main

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

// TestViewOfNobody: a page that asks about who was not written to shows nothing.
func TestViewOfNobody(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{})
	if v := b.Query("/member", "viewer", "member", "test:bob"); v.Status != 0 || len(v.Body) > 0 {
		t.Errorf("%d %q", v.Status, v.Body)
	}
	if v := b.Query("/member", "viewer"); v.Status != 400 {
		t.Errorf("without a member: %d", v.Status)
	}
}
