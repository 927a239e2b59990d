package webchat

import (
	"context"
	"testing"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/store"
)

// TestAdapter holds the web chat to what the engine relies on of any platform.
func TestAdapter(t *testing.T) {
	chattest.Adapter(t, func(t *testing.T) *chattest.Stage {
		p := open(t, Options{})
		ada, gone := p.member("Ada"), p.member("Gone")
		if res := gone.post("depart", nil); res.status != 200 {
			t.Fatalf("depart: %d %s", res.status, res.Say)
		}
		return &chattest.Stage{
			Adapter: p.a, Channel: GeneralID, Member: globalID(ada.id),
			Say:    func(text string) string { return ada.say(general, text) },
			Posts:  func() []chattest.Post { return p.posts() },
			Gone:   Name + ":nowhere",
			Closed: globalID(gone.id),
		}
	})
}

// posts is every message that somebody said, oldest first.
func (p *place) posts() (out []chattest.Post) {
	p.t.Helper()
	if err := p.a.read(context.Background(), func(v *view) error {
		for _, what := range []string{"msg", "reply"} {
			for row, err := range v.snap.Scan(v.ctx, store.Prefix(root.Join(what).Prefix())) {
				if err != nil {
					return err
				}
				var m messageRow
				if err := decode(row, &m); err != nil {
					return err
				}
				if m.Kind == kindJoined || m.Deleted {
					continue
				}
				at := row.Key.Segments()
				post := chattest.Post{Conversation: globalID(at[2]), ID: at[3], Text: v.unlink(m.Text)}
				if what == "reply" {
					post.Thread, post.ID = at[3], at[3]+"-"+at[4]
				}
				if m.Only != "" {
					post.To = globalID(m.Only)
				}
				if m.Author == bot {
					c, err := m.content()
					if err != nil {
						return err
					}
					post.Text = chat.PlainText(c)
				}
				out = append(out, post)
			}
		}
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return out
}
