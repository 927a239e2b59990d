package app

import (
	"context"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
)

// rebuilder has the engine count anew what is measured, for web.
type rebuilder struct{ engine *host.Engine }

var _ web.Rebuilder = rebuilder{}

// Rebuild implements web.Rebuilder.
func (r rebuilder) Rebuild(ctx context.Context, who audit.Who, progress func(done, all int)) (web.Rebuilt, error) {
	got, err := r.engine.RebuildAnalytics(ctx, who, progress)
	out := web.Rebuilt{Members: got.Rows, Counters: got.Counters, Changed: got.Changed}
	for _, x := range got.Examples {
		out.Examples = append(out.Examples, web.RebuiltOff{Counter: string(x.Key), Is: x.Is, Ought: x.Ought})
	}
	return out, err
}
