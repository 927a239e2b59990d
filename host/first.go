package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/members"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// errDidBefore says that an event tells for the second time what counts once a
// member; see [members.Firsts].
var errDidBefore = errors.New("host: the member did that before")

// ran are the verdicts on a program that was compiled, and then ran.
var ran = []string{"accepted", "wrong_answer", "runtime_error", "deadlock", "goroutine_leak", "time_limit_exceeded", "memory_limit_exceeded",
	"output_limit_exceeded"}

// verdict of a verification, as far as it tells what its member did for the first
// time.
type firstVerdict struct {
	Verdict     string `json:"verdict"`
	GoVersion   string `json:"go_version"`
	Diagnostics []struct {
		Code string `json:"code"`
	} `json:"diagnostics"`
}

// importCode is the code of what the verifier says of an import that is not found.
const importCode = "screen/import"

// firstsOf are what a verdict tells, by the names of [members.Firsts].
func firstsOf(body []byte) (names []string, goVersion string) {
	var v firstVerdict
	if json.Unmarshal(body, &v) != nil {
		return nil, ""
	}
	if slices.Contains(ran, v.Verdict) {
		names = append(names, members.Firsts[0])
	}
	for _, d := range v.Diagnostics {
		if d.Code == importCode {
			names = append(names, members.Firsts[2])
			break
		}
	}
	return names, v.GoVersion
}

// tellFirsts makes events of what a verification tells that its member did for
// the first time. They come before the verdict, whose action is carried out again
// after a crash in between, and none twice.
func (e *Engine) tellFirsts(ctx context.Context, seq uint64, row *actionRow, result *abi.Result) error {
	if row.Member == "" || result.Error != "" {
		return nil
	}
	names, version := firstsOf(result.Body)
	for _, name := range names {
		ev := abi.Event{ID: store.Seq(seq) + "/" + name, Source: "verify", Kind: abi.CustomTracked, Time: e.now(),
			Conversation: row.Conversation, Member: abi.Member{ID: row.Member}, Cause: row.Cause, Depth: row.Depth,
			Custom: &abi.Custom{Name: name, Props: []abi.Annotation{{Name: "go", Value: version}, {Name: "os", Value: "wasip1"}, {Name: "via", Value: "verify"}}}}
		// Not by take: what is under way ends, however much waits.
		for try := 0; ; try++ {
			_, err := e.accept(ctx, chat.Incoming{Event: ev}) // that it was told before is all right
			if errors.Is(err, store.ErrConflict) && try < maxConflicts {
				if seen, err := e.has(ctx, seenKey(ev.Source, ev.ID)); err == nil && seen {
					break
				}
				continue
			}
			if err != nil {
				return fmt.Errorf("tell %s: %w", name, err)
			}
			break
		}
	}
	return nil
}

// has says whether there is a row.
func (e *Engine) has(ctx context.Context, key store.Key) (bool, error) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	row, err := snap.Get(ctx, key)
	return row.Exists(), err
}
