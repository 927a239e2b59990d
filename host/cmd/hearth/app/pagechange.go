package app

import (
	"context"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/sdk"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web/change"
	"github.com/hearthbot/hearth/web/page"
)

// changePages registers /messages and /admin/settings.
func (a *App) changePages(f *page.Frame) error {
	return change.Register(change.Options{Frame: f, Settings: a.settings, Sender: &sender{a.engine}})
}

// sender has members written to by those who try out a text.
type sender struct{ engine *host.Engine }

var _ change.Sender = (*sender)(nil)

// Say implements change.Sender.
func (s *sender) Say(ctx context.Context, who audit.Who, member, locale, text string) (change.Said, error) {
	name := string(sdk.Escape(who.Name))
	note := name + " is trying out this text on hearth's pages."
	if locale == "zh-CN" {
		note = name + " 正在管理页面上试发这条文案。"
	}
	m, err := s.engine.SayBy(ctx, who, member, abi.Content{Blocks: []abi.Block{{Text: text}, {Context: note}}})
	return change.Said{Status: m.Status, Why: m.Why}, known(err)
}
