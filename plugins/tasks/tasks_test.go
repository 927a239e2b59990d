package main

import (
	"os"
	"testing"

	"github.com/hearthbot/hearth/plugins/tasks/pack"
	"github.com/hearthbot/hearth/plugins/tasks/tasks"
	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestMain has the tests walk a path of their own, which the built-in one's
// authors do not move.
func TestMain(m *testing.M) {
	builtin = os.DirFS("testdata/pack")
	m.Run()
}

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

// TestBuiltinPack holds the pack that the plugin comes with to what the path
// promises.
func TestBuiltinPack(t *testing.T) {
	p, err := pack.Load(tasks.FS)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Tasks) < 24 || len(p.Start()) != 3 {
		t.Errorf("%d tasks, %d to start with", len(p.Tasks), len(p.Start()))
	}
	if ids := p.Untranslated("zh-CN"); len(ids) > 0 {
		t.Errorf("not in Chinese: %v", ids)
	}
	minutes := 0
	for _, task := range p.Start() {
		minutes += task.Minutes
	}
	if minutes > 15 {
		t.Errorf("the first steps take %d minutes", minutes)
	}
}
