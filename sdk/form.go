package sdk

import "github.com/hearthbot/hearth/sdk/abi"

// Input is one field of a form, made by [Line], [Lines] or [Choice].
type Input struct{ in abi.Input }

// Line is a line of text to fill in; name is what [Invocation.Field] finds it by.
func Line(name string, label Markup) Input {
	return Input{abi.Input{Name: name, Label: label.plain()}}
}

// Lines is room for several lines of text.
func Lines(name string, label Markup) Input {
	return Input{abi.Input{Name: name, Label: label.plain(), Long: true}}
}

// Choice is one of several answers to choose.
func Choice(name string, label Markup, options ...abi.Option) Input {
	return Input{abi.Input{Name: name, Label: label.plain(), Options: options}}
}

// Answer is one of the answers of a [Choice].
func Answer(value string, label Markup) abi.Option {
	return abi.Option{Value: value, Label: label.plain()}
}

// Optional lets the field be left empty.
func (n Input) Optional() Input {
	n.in.Optional = true
	return n
}

// Hint says what to write.
func (n Input) Hint(text Markup) Input {
	n.in.Hint = text.plain()
	return n
}

// Starting fills the field in to begin with.
func (n Input) Starting(value string) Input {
	n.in.Value = value
	return n
}

// Max bounds the text, in characters.
func (n Input) Max(characters int) Input {
	n.in.Max = characters
	return n
}

// Submit is the label of a form's button.
func (m *Message) Submit(label Markup) *Message {
	m.form().Submit = label.plain()
	return m
}

// FormOften says how often the message's form may be sent; by default once by
// each member.
func (m *Message) FormOften(o abi.Often) *Message {
	m.form().Often = o
	return m
}

// FormNote comes back with the message's form, for [NoteOf]; it is what
// [Note] makes.
func (m *Message) FormNote(n []byte) *Message {
	m.form().Note = n
	return m
}

// Form adds a form; sending it is an event for [Plugin.OnForm].
func (m *Message) Form(name string, title Markup, inputs ...Input) *Message {
	f := &abi.Form{Name: name, Title: title.plain()}
	for _, n := range inputs {
		f.Inputs = append(f.Inputs, n.in)
	}
	return m.block(abi.Block{Form: f})
}

// form is the last form that was added.
func (m *Message) form() *abi.Form {
	for n := len(m.body.Blocks) - 1; n >= 0; n-- {
		if f := m.body.Blocks[n].Form; f != nil {
			return f
		}
	}
	panic(mistakef("the message has no form"))
}
