package slack

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// Slack's bounds of a form.
const (
	maxTitle   = 24
	maxLabel   = 2000
	maxHint    = 2000
	maxInput   = 3000
	maxOptions = 100
	maxOption  = 75  // of an option's label
	maxValue   = 150 // of an option's value
	maxBlockID = 255
	maxInputs  = 99
)

// origin is where a form was opened; it goes along with the view and comes back.
type origin struct {
	Token     string `json:"t"`
	Channel   string `json:"c,omitempty"`
	Ephemeral bool   `json:"e,omitempty"`
}

// modal is f as a view. An input's block id is its number, a colon and its
// name, for Slack returns the values in no order. A label or option beyond
// Slack's bounds is cut, an option's value too.
func modal(f *abi.Form, from origin, locale string) slack.ModalViewRequest {
	private, _ := json.Marshal(from)
	title, submit := chat.Tame(f.Title), chat.Tame(f.Submit)
	if title == "" {
		title = "hearth"
	}
	if submit == "" {
		submit = wordSend.In(locale)
	}
	m := slack.ModalViewRequest{
		Type:            slack.VTModal,
		Title:           plain(title, maxTitle),
		Submit:          plain(submit, maxTitle),
		Close:           plain(wordCancel.In(locale), maxTitle),
		CallbackID:      callbackForm,
		PrivateMetadata: string(private),
	}
	for i := range f.Inputs[:min(len(f.Inputs), maxInputs)] {
		m.Blocks.BlockSet = append(m.Blocks.BlockSet, input(i, &f.Inputs[i]))
	}
	if len(m.Blocks.BlockSet) == 0 || chat.Units(title) > maxTitle {
		head := slack.NewSectionBlock(plain(title, maxSection), nil, nil)
		m.Blocks.BlockSet = append([]slack.Block{head}, m.Blocks.BlockSet...)
	}
	return m
}

func input(i int, in *abi.Input) *slack.InputBlock {
	label := chat.Tame(in.Label)
	if strings.TrimSpace(label) == "" {
		label = in.Name
	}
	b := slack.NewInputBlock(chat.Cut(strconv.Itoa(i)+":"+in.Name, maxBlockID), plain(label, maxLabel), nil, nil)
	b.Optional = in.Optional
	if hint := chat.Tame(in.Hint); strings.TrimSpace(hint) != "" {
		b.Hint = plain(hint, maxHint)
	}
	if len(in.Options) > 0 {
		b.Element = choice(in)
		return b
	}
	most := in.Max
	if most <= 0 || most > maxInput {
		most = maxInput
	}
	b.Element = &slack.PlainTextInputBlockElement{
		Type:         slack.METPlainTextInput,
		ActionID:     "v",
		Multiline:    in.Long,
		MaxLength:    most,
		InitialValue: chat.Cut(chat.Clean(in.Value), most),
	}
	return b
}

func choice(in *abi.Input) *slack.SelectBlockElement {
	sel := &slack.SelectBlockElement{Type: slack.OptTypeStatic, ActionID: "v"}
	for _, o := range in.Options[:min(len(in.Options), maxOptions)] {
		label := chat.Tame(o.Label)
		if strings.TrimSpace(label) == "" {
			label = o.Value
		}
		shown := plain(label, maxOption)
		value := chat.Cut(o.Value, maxValue)
		if value == "" {
			value = shown.Text // Slack takes no empty one
		}
		opt := slack.NewOptionBlockObject(value, shown, nil)
		sel.Options = append(sel.Options, opt)
		if in.Value != "" && o.Value == in.Value {
			sel.InitialOption = opt
		}
	}
	return sel
}

// values are what was filled in, in the order of the form.
func values(v *view) []abi.Value {
	type numbered struct {
		n int
		v abi.Value
	}
	var all []numbered
	for id, actions := range v.State.Values {
		num, name, ok := strings.Cut(id, ":")
		n, err := strconv.Atoi(num)
		if !ok || err != nil || len(all) == abi.MaxFields*4 {
			continue
		}
		val := abi.Value{Name: name}
		if act, ok := actions["v"]; ok {
			switch {
			case act.Selected != nil:
				val.Value = act.Selected.Value
			case act.Value != nil:
				val.Value = *act.Value
			}
		}
		all = append(all, numbered{n, val})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].n < all[j].n })
	out := make([]abi.Value, len(all))
	for i := range all {
		out[i] = all[i].v
	}
	return out
}

// plain is a text object without marks, of 1 to max characters. ":wave:" in it
// stays what it is: members type such things in code.
func plain(s string, max int) *slack.TextBlockObject {
	s = chat.Cut(s, max)
	if strings.TrimSpace(s) == "" {
		s = "…"
	}
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}
