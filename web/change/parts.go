package change

import (
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// What stands in a page's template alone, or in several, is given the texts of
// its page.

// conflict is what somebody else has made of a value meanwhile.
type conflict struct {
	Author string
	At     *time.Time
	Text   string
	Gone   bool            // they took it away, so it has its default
	Diff   []page.DiffLine // from theirs to what was typed
}

// newConflict holds what stands there now against what was typed.
func newConflict(now *web.Setting, typed string) *conflict {
	return &conflict{now.Author, now.At, now.Text, now.Base == 0, page.Diff(now.Text, typed)}
}

// part is a side that stands alone.
type part struct {
	T page.Texts
	sideView
}

// On is a side with the texts of its page.
func (v *textView) On(s sideView) *part { return &part{v.T, s} }

// toldVersion is a change of a list with the texts of its page.
type toldVersion struct {
	T page.Texts
	version
}

// Told is a change with the texts of the page.
func (v *textView) Told(e version) toldVersion { return toldVersion{v.T, e} }

// Told is a change with the texts of the page.
func (v *settingView) Told(e version) toldVersion { return toldVersion{v.T, e} }

// clash is a conflict with the texts of its page, and where theirs is taken.
type clash struct {
	T page.Texts
	*conflict
	Name, Take string
}

// Theirs is what stands there now, as it can be read.
func (c clash) Theirs() []page.Span { return page.Visible(c.Text) }

// Clash is the conflict of a text in one language.
func (p *part) Clash(c *conflict) clash { return clash{p.T, c, p.Locale, p.Path + "/preview"} }

// fieldPart is a field with the texts of its page.
type fieldPart struct {
	T page.Texts
	fieldView
	group string
}

// On is a field with the texts of the page.
func (v *groupView) On(f fieldView) *fieldPart { return &fieldPart{v.T, f, v.Path} }

// Clash is the conflict of a setting.
func (p *fieldPart) Clash(c *conflict) clash { return clash{p.T, c, p.Key, p.group} }
