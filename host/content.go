package host

import (
	"net/url"
	"unicode/utf8"

	"github.com/hearthbot/hearth/sdk/abi"
)

// maxBlocks is how many blocks a message may have.
const maxBlocks = 40

// checkContent refuses a message that is beyond the ABI's bounds, empty or
// ill-formed; what a platform cannot show is its adapter's to leave out.
func checkContent(c *abi.Content) error {
	if len(c.Blocks) == 0 || len(c.Blocks) > maxBlocks {
		return refuse("a message of %d blocks; it has 1 to %d", len(c.Blocks), maxBlocks)
	}
	text, buttons, fields, forms := 0, 0, 0, 0
	count := func(ss ...string) bool {
		ok := true
		for _, s := range ss {
			text += len(s)
			ok = ok && utf8.ValidString(s)
		}
		return ok
	}
	for i := range c.Blocks {
		b := &c.Blocks[i]
		ok := count(b.Text, b.Heading, b.Context, b.Code, b.Lang)
		for _, f := range b.Fields {
			fields++
			ok = count(f.Label, f.Value) && ok
		}
		for j := range b.Buttons {
			btn := &b.Buttons[j]
			buttons++
			ok = count(btn.Label, btn.Value) && ok
			if err := checkButton(btn); err != nil {
				return err
			}
		}
		if b.Form != nil {
			forms++
			ok = count(b.Form.Title, b.Form.Submit) && ok
			if err := checkFormSpec(b.Form); err != nil {
				return err
			}
			for _, in := range b.Form.Inputs {
				ok = count(in.Label, in.Hint, in.Value) && ok
				for _, o := range in.Options {
					ok = count(o.Label, o.Value) && ok
				}
			}
		}
		if b.Table != nil {
			ok = count(b.Table.Header...) && ok
			for _, r := range b.Table.Rows {
				if len(r) != len(b.Table.Header) {
					return refuse("block %d: a table row has %d cells under a header of %d", i+1, len(r), len(b.Table.Header))
				}
				ok = count(r...) && ok
			}
		}
		if !ok {
			return refuse("block %d is not UTF-8", i+1)
		}
	}
	switch {
	case text > abi.MaxText:
		return refuse("a message of %d bytes, at most %d", text, abi.MaxText)
	case buttons > abi.MaxButtons:
		return refuse("%d buttons, at most %d", buttons, abi.MaxButtons)
	case fields > abi.MaxFields:
		return refuse("%d fields, at most %d", fields, abi.MaxFields)
	case forms > 1:
		return refuse("%d forms in one message, at most 1", forms)
	}
	return nil
}

func checkButton(b *abi.Button) error {
	if b.Label == "" {
		return refuse("a button without a label")
	}
	if b.URL != "" {
		if u, err := url.Parse(b.URL); err != nil || u.Scheme != "https" || u.Host == "" {
			return refuse("button %q: %.80q is no https address", b.Label, b.URL)
		}
		return nil
	}
	if err := checkName("button", b.Action, true); err != nil {
		return err
	}
	return checkNote(b.Note)
}

func checkFormSpec(f *abi.Form) error {
	if err := checkName("form", f.Name, true); err != nil {
		return err
	}
	if len(f.Inputs) == 0 || len(f.Inputs) > abi.MaxFields {
		return refuse("form %q has %d inputs; it has 1 to %d", f.Name, len(f.Inputs), abi.MaxFields)
	}
	for _, in := range f.Inputs {
		if err := checkName("input", in.Name, true); err != nil {
			return err
		}
		if in.Label == "" {
			return refuse("form %q: input %q has no label", f.Name, in.Name)
		}
	}
	return checkNote(f.Note)
}
