package app

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/web"
)

// TestReplayOfADirectory reads no directory that another hearth has open, and
// makes none.
func TestReplayOfADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := config.Default()
	c.Server.Data = dir
	o := Options{Config: c, Plugins: fstest.MapFS{}}
	if _, err := Replay(t.Context(), o, web.ReplayRequest{Plugin: "welcome"}, nil); err == nil || !strings.Contains(err.Error(), "no data of a hearth") {
		t.Errorf("nothing there: %v", err)
	}
	if list, err := filepath.Glob(dir); err != nil || len(list) > 0 {
		t.Errorf("it has made %v, %v", list, err)
	}
	s, err := bolt.Open(t.Context(), dir, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Replay(t.Context(), o, web.ReplayRequest{Plugin: "welcome"}, nil); !errors.Is(err, ErrRunning) {
		t.Errorf("open elsewhere: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Replay(t.Context(), o, web.ReplayRequest{Plugin: "welcome"}, nil); !errors.Is(err, web.ErrNotFound) || !strings.Contains(err.Error(), `plugin "welcome"`) {
		t.Errorf("no such plugin: %v", err)
	}
	if _, err := Replay(t.Context(), o, web.ReplayRequest{Plugin: "welcome", SHA: strings.Repeat("0", 10)}, nil); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("no such version: %v", err)
	}
	broken := new(web.PluginError)
	if _, err := Replay(t.Context(), o, web.ReplayRequest{Code: []byte("hello")}, nil); !errors.As(err, &broken) || broken.Code != web.PluginInvalid {
		t.Errorf("no module: %v", err)
	}
}
