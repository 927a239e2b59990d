package webchat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/store"
)

// The lines of an export; Kind comes first.
type (
	memberLine struct {
		Kind     string    `json:"kind"`
		Name     string    `json:"name"`
		Locale   string    `json:"locale"`
		TimeZone string    `json:"time_zone,omitempty"`
		Joined   time.Time `json:"joined"`
	}
	postLine struct {
		Kind  string    `json:"kind"`
		At    time.Time `json:"at"`
		Where string    `json:"where"`
		Text  string    `json:"text,omitempty"`
		Files []string  `json:"files,omitempty"`
	}
)

// exportStep is how many posts are read from one snapshot.
const exportStep = 500

// Export yields a member's profile and what they posted. What others wrote to
// them is not theirs.
func (a *Adapter) Export(ctx context.Context, memberID string, yield func(kind string, v any) error) error {
	id := localID(memberID)
	if id == "" {
		return nil
	}
	var m memberRow
	known := false
	if err := a.read(ctx, func(v *view) error {
		rev, err := v.get(memberKey(id), &m)
		known = rev != 0
		return err
	}); err != nil {
		return fmt.Errorf("webchat: export: %w", err)
	}
	if !known {
		return nil
	}
	if err := yield("chat", memberLine{"chat", m.Name, m.Locale, m.Zone, time.UnixMilli(m.Joined)}); err != nil {
		return err
	}
	for _, what := range []string{"msg", "reply"} {
		for r := store.Prefix(root.Join(what).Prefix()); r.From != ""; {
			lines, next, err := a.posts(ctx, id, r)
			if err != nil {
				return fmt.Errorf("webchat: export: %w", err)
			}
			for _, l := range lines {
				if err := yield("post", l); err != nil {
					return err
				}
			}
			r.From = next
		}
	}
	return nil
}

// posts are what a member posted among the first rows of a range.
func (a *Adapter) posts(ctx context.Context, id string, r store.Range) (lines []postLine, next store.Key, err error) {
	r.Limit = forgetScan
	err = a.read(ctx, func(v *view) error {
		n := 0
		for row, err := range v.snap.Scan(ctx, r) {
			if err != nil {
				return err
			}
			n++
			next = store.Key(strings.Clone(string(row.Key))) + "\x00"
			if !strings.Contains(string(row.Value), id) {
				continue
			}
			var m messageRow
			if err := decode(row, &m); err != nil {
				return err
			}
			if m.Author != id || m.Kind == kindJoined || m.Deleted {
				continue
			}
			l := postLine{Kind: "post", At: time.UnixMilli(m.Time), Where: row.Key.Segments()[2], Text: v.unlink(m.Text)}
			for _, f := range m.Files {
				l.Files = append(l.Files, f.Name)
			}
			if lines = append(lines, l); len(lines) == exportStep {
				return nil
			}
		}
		if n < forgetScan {
			next = ""
		}
		return nil
	})
	return slices.Clip(lines), next, err
}
