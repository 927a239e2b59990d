package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// figure is a name of one in PromQL.
var figure = regexp.MustCompile(`\b(?:hearth|new_user|user_journey|process|go)_[a-z0-9_]+`)

// TestWhatWatchesHearth holds the dashboard and the alert rules to figures that a
// whole hearth has.
func TestWhatWatchesHearth(t *testing.T) {
	c := config.Default()
	c.Server.Listen, c.Server.Data = "127.0.0.1:0", t.TempDir()
	a, err := New(t.Context(), Options{Config: c, Plugins: fstest.MapFS{}, Packs: []string{t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	files, err := filepath.Glob("../../../../ops/prometheus/*.yml")
	if err != nil || len(files) < 4 {
		t.Fatalf("files %q, %v", files, err)
	}
	n := 0
	for _, file := range append(files, "../../../../ops/grafana/dashboards/hearth.json") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := figure.FindAllString(string(data), -1)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			n++
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				name = strings.TrimSuffix(name, part)
			}
			// A registry refuses a second collector of one name: then there is a first.
			if a.registry.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "of the test"})) == nil {
				t.Errorf("%s names %s, which hearth does not have", filepath.Base(file), name)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d names of figures: the files were not understood", n)
	}
	// What the community is watched by is there from the start.
	w := &recorder{header: http.Header{}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	a.web.ServeHTTP(w, r)
	for _, name := range []string{"hearth_dau ", "hearth_paused ", "hearth_build_info{", "hearth_store_write_seconds_bucket{", "hearth_verify_ready ", "new_user_funnel_steps_total{", "user_journey_duration_seconds_bucket{"} {
		if !strings.Contains(w.b.String(), "\n"+name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	b      strings.Builder
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(p []byte) (int, error) { return w.b.Write(p) }
func (w *recorder) WriteHeader(int)             {}

// TestDashboard holds the dashboard to being one that Grafana takes in as it is,
// and that says what its numbers count.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../../../ops/grafana/dashboards/hearth.json")
	if err != nil {
		t.Fatal(err)
	}
	type box struct{ H, W, X, Y int }
	var d struct {
		SchemaVersion int
		UID           string
		Panels        []struct {
			ID                       int
			Type, Title, Description string
			GridPos                  box
			Datasource               struct{ UID string }
			Targets                  []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.SchemaVersion != 39 || d.UID != "hearth" {
		t.Errorf("schema %d, uid %q", d.SchemaVersion, d.UID)
	}
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W < 4 {
			t.Errorf("%s: it stands at %+v", p.Title, p.GridPos)
		}
		for _, q := range d.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s and %s overlap", p.Title, q.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 || p.Description == "" && p.Title != "Up since" {
			t.Errorf("%s: datasource %q, %d targets, described %q", p.Title, p.Datasource.UID, len(p.Targets), p.Description)
		}
		for _, x := range p.Targets {
			if !strings.Contains(x.Expr, `job="$job"`) {
				t.Errorf("%s: %s is not of the hearth that was chosen", p.Title, x.Expr)
			}
		}
	}
}
