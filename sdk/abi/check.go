package abi

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Check says in what the effects are beyond a bound or malformed, as far as
// that can be seen from them alone: what a plugin may do besides depends on
// what it was granted. It does not look at Error.
func (e *Effects) Check() error {
	for _, b := range [...]struct {
		what      string
		have, max int
	}{{"effects", len(e.Out), MaxEffects}, {"writes", len(e.Writes), MaxWrites}, {"counter adds", len(e.Adds), MaxAdds}} {
		if b.have > b.max {
			return fmt.Errorf("%d %s in one invocation, at most %d; use Continue", b.have, b.what, b.max)
		}
	}
	seen := make(map[string]bool, len(e.Writes))
	for i := range e.Writes {
		w := &e.Writes[i]
		switch err := CheckKey(w.Key); {
		case err != nil:
			return err
		case seen[w.Key]:
			return fmt.Errorf("row %s is written twice", w.Key)
		case len(w.Value) > MaxValue:
			return fmt.Errorf("the value of %s has %d bytes, at most %d", w.Key, len(w.Value), MaxValue)
		case w.Delete && len(w.Value) > 0:
			return fmt.Errorf("row %s is written and deleted at once", w.Key)
		}
		seen[w.Key] = true
	}
	for i := range e.Adds {
		if err := CheckKey(e.Adds[i].Key); err != nil {
			return err
		}
		if seen[e.Adds[i].Key] {
			return fmt.Errorf("row %s is written and added to", e.Adds[i].Key)
		}
	}
	for i := range e.Out {
		if err := e.Out[i].check(); err != nil {
			return fmt.Errorf("effect %d: %w", i+1, err)
		}
	}
	return nil
}

// CheckKey says why a state key is none: it is c/NAME, m/MEMBER/NAME or
// v/CONVERSATION/NAME, has at most MaxKey bytes, and none of them is a space or
// a control character.
func CheckKey(key string) error {
	if len(key) > MaxKey {
		return fmt.Errorf("state key %.40q… has %d bytes, at most %d", key, len(key), MaxKey)
	}
	for i := 0; i < len(key); i++ {
		if key[i] <= ' ' || key[i] == 0x7f {
			return fmt.Errorf("state key %q: byte %#02x at %d; escape it as %%%02x", key, key[i], i, key[i])
		}
	}
	scope, rest, ok := strings.Cut(key, "/")
	switch {
	case !ok || rest == "":
	case scope == "c":
		return nil
	case scope == "m" || scope == "v":
		if id, name, ok := strings.Cut(rest, "/"); ok && id != "" && name != "" {
			return nil
		}
	}
	return fmt.Errorf("state key %q is none of c/NAME, m/MEMBER/NAME, v/CONVERSATION/NAME", key)
}

func (e *Effect) check() error {
	set := 0
	for _, is := range [...]bool{e.Send != nil, e.Edit != nil, e.Delete != nil, e.React != nil, e.Timer != nil, e.Cancel != nil,
		e.Action != nil, e.Abort != nil, e.Emit != nil, e.Track != nil, e.Profile != nil, e.Continue != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%d of its fields are set, not one", set)
	}
	switch {
	case e.Send != nil:
		return e.Send.check()
	case e.Edit != nil:
		if err := checkName("the message", e.Edit.Key); err != nil {
			return err
		}
		return e.Edit.Content.Check()
	case e.Delete != nil:
		return checkName("the message", e.Delete.Key)
	case e.React != nil:
		if e.React.Conversation == "" || e.React.Message == "" {
			return fmt.Errorf("a reaction needs conversation and message")
		}
		return checkName("the reaction", e.React.Name)
	case e.Timer != nil:
		return firstOf(checkName("the timer", e.Timer.Name), checkNote(e.Timer.Note), checkLength("the timer's key", e.Timer.Key))
	case e.Cancel != nil:
		return checkName("the timer", e.Cancel.Name)
	case e.Action != nil:
		n := 0
		for _, there := range [...]bool{e.Action.HTTP != nil, e.Action.Verify != nil, e.Action.Host != ""} {
			if there {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("action %q asks for %d of HTTP, Verify and Host; it asks for one", e.Action.Name, n)
		}
		return firstOf(checkName("the action", e.Action.Name), checkLength("the action's request", e.Action.Host), checkLength("the action's key", e.Action.Key), checkNote(e.Action.Note))
	case e.Abort != nil:
		if e.Abort.Key == "" {
			return fmt.Errorf("action %q is aborted without its key", e.Abort.Name)
		}
		return firstOf(checkName("the action", e.Abort.Name), checkLength("the action's key", e.Abort.Key))
	case e.Emit != nil:
		return checkName("the plugin event", e.Emit.Name)
	case e.Track != nil:
		return checkName("the tracked event", e.Track.Name)
	case e.Continue != nil:
		return checkNote(e.Continue.Cursor)
	}
	return nil
}

func (s *Send) check() error {
	to := s.To
	switch {
	case to.Conversation == "" && to.Member == "", to.Ephemeral && (to.Conversation == "" || to.Member == ""):
		return fmt.Errorf("a message to nobody: set To.Conversation, To.Member or both")
	case s.Expires < 0 || s.After < 0:
		return fmt.Errorf("a message expires after %d ms and deletes itself after %d ms", s.Expires, s.After)
	case len(s.Shown) > MaxShown:
		return fmt.Errorf("a message shows %d experiments, at most %d", len(s.Shown), MaxShown)
	}
	for i := range s.Shown {
		if err := firstOf(checkName("the experiment", s.Shown[i].Name), checkName("the variation", s.Shown[i].Value)); err != nil {
			return err
		}
	}
	return firstOf(checkLength("the message's key", s.Key), s.Content.Check())
}

// Check says in what a message is beyond a bound or malformed. What a platform
// cannot show is its adapter's to leave out.
func (c *Content) Check() error {
	if len(c.Blocks) == 0 || len(c.Blocks) > MaxBlocks {
		return fmt.Errorf("a message of %d blocks; it has 1 to %d", len(c.Blocks), MaxBlocks)
	}
	var n tally
	for i := range c.Blocks {
		if err := c.Blocks[i].check(&n); err != nil {
			return fmt.Errorf("block %d: %w", i+1, err)
		}
	}
	switch {
	case n.text > MaxText:
		return fmt.Errorf("a message of %d bytes, at most %d", n.text, MaxText)
	case n.buttons > MaxButtons:
		return fmt.Errorf("%d buttons, at most %d", n.buttons, MaxButtons)
	case n.fields > MaxFields:
		return fmt.Errorf("%d fields, at most %d", n.fields, MaxFields)
	case n.forms > 1:
		return fmt.Errorf("%d forms in one message, at most 1", n.forms)
	case n.invalid:
		return fmt.Errorf("a text is not UTF-8")
	}
	return nil
}

// tally counts what a message has.
type tally struct {
	text, buttons, fields, forms int
	invalid                      bool
}

func (n *tally) add(texts ...string) {
	for _, s := range texts {
		n.text += len(s)
		n.invalid = n.invalid || !utf8.ValidString(s)
	}
}

func (b *Block) check(n *tally) error {
	n.add(b.Text, b.Heading, b.Context, b.Code, b.Lang)
	for _, f := range b.Fields {
		n.fields++
		n.add(f.Label, f.Value)
	}
	for i := range b.Buttons {
		n.buttons++
		n.add(b.Buttons[i].Label, b.Buttons[i].Value)
		if err := b.Buttons[i].check(); err != nil {
			return err
		}
	}
	if f := b.Form; f != nil {
		n.forms++
		n.add(f.Title, f.Submit)
		for _, in := range f.Inputs {
			n.add(in.Label, in.Hint, in.Value)
			for _, o := range in.Options {
				n.add(o.Label, o.Value)
			}
		}
		if err := f.check(); err != nil {
			return err
		}
	}
	if t := b.Table; t != nil {
		n.add(t.Header...)
		for _, r := range t.Rows {
			if len(r) != len(t.Header) {
				return fmt.Errorf("a table row has %d cells under a header of %d", len(r), len(t.Header))
			}
			n.add(r...)
		}
	}
	return nil
}

func (b *Button) check() error {
	if b.Label == "" {
		return fmt.Errorf("a button without a label")
	}
	if b.URL != "" {
		if !isHTTPS(b.URL) {
			return fmt.Errorf("button %q: %.80q is no https address", b.Label, b.URL)
		}
		return nil
	}
	return firstOf(checkName("the button's action", b.Action), checkNote(b.Note))
}

// isHTTPS says whether s is an https address. It does not take it apart with
// net/url, which would come into every plugin.
func isHTTPS(s string) bool {
	const scheme = "https://"
	if len(s) <= len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return !strings.ContainsAny(s[len(scheme):len(scheme)+1], "/?#@:")
}

func (f *Form) check() error {
	if len(f.Inputs) == 0 || len(f.Inputs) > MaxFields {
		return fmt.Errorf("form %q has %d inputs; it has 1 to %d", f.Name, len(f.Inputs), MaxFields)
	}
	for _, in := range f.Inputs {
		if err := checkName("the input", in.Name); err != nil {
			return err
		}
		if in.Label == "" {
			return fmt.Errorf("form %q: input %q has no label", f.Name, in.Name)
		}
	}
	return firstOf(checkName("the form", f.Name), checkNote(f.Note))
}

func checkName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%s has no name", what)
	}
	return checkLength(what, name)
}

func checkLength(what, name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%s %.32q… has a name of %d bytes, at most %d", what, name, len(name), MaxName)
	}
	return nil
}

func checkNote(note []byte) error {
	if len(note) > MaxNote {
		return fmt.Errorf("a note of %d bytes, at most %d", len(note), MaxNote)
	}
	return nil
}

// firstOf is the first error that there is.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
