package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
)

// The action ids of what hearth puts into messages; a number follows that makes
// them unique there.
const (
	actionButton = "hearth.button."
	actionForm   = "hearth.form."
	actionLink   = "hearth.link."
	callbackForm = "hearth.form"
)

func (a *Adapter) serveInteraction(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		a.refuse(w, r, errNoPayload)
		return
	}
	in, err := parseInteraction([]byte(form.Get("payload")))
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	a.answer(w, func() (any, error) { return a.interact(ctx, in) })
}

// interact hands over a press of a button or a sent form, and returns what Slack
// is to show, nil for nothing. Everything else a member can do to an app is no
// business of hearth's.
func (a *Adapter) interact(ctx context.Context, in *interaction) (any, error) {
	if isID(in.User.ID) {
		switch in.Type {
		case "block_actions":
			return nil, a.pressed(ctx, in)
		case "view_submission":
			return a.sent(ctx, in)
		}
	}
	a.stats.ignored.Add(1)
	return nil, nil
}

func (a *Adapter) pressed(ctx context.Context, in *interaction) error {
	ch := in.Container.ChannelID
	if ch == "" {
		ch = in.Channel.ID
	}
	if in.Container.MessageTS != "" {
		a.hooks.keep(hookMessage(ch, in.Container.MessageTS), in.ResponseURL, a.now())
	}
	for i, act := range in.Actions {
		var err error
		switch {
		case act.Value == "" || len(act.Value) > 2000 || strings.HasPrefix(act.ActionID, actionLink):
			a.stats.ignored.Add(1)
		case strings.HasPrefix(act.ActionID, actionForm):
			err = a.open(ctx, in, ch, act.Value)
		default: // the sink knows its tokens
			err = a.click(ctx, in, ch, i, &act)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) click(ctx context.Context, in *interaction, ch string, i int, act *action) error {
	trigger := in.TriggerID
	if trigger == "" {
		trigger = in.User.ID + "/" + in.Container.MessageTS + "/" + act.ActionTS
	}
	ev := abi.Event{
		ID:      "act/" + trigger + "/" + strconv.Itoa(i),
		Source:  Name,
		Kind:    abi.ButtonClicked,
		Time:    millis(act.ActionTS),
		Member:  abi.Member{ID: Name + ":" + in.User.ID},
		Private: in.Container.Ephemeral,
	}
	if ev.Time == 0 {
		ev.Time = a.now().UnixMilli()
	}
	if isID(ch) {
		ev.Conversation = a.named(ch, in.Channel.Name)
	}
	out, err := a.accept(ctx, chat.Incoming{Event: ev, Token: act.Value})
	if errors.Is(err, chat.ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	if word := spent(out); word != nil {
		a.tell(ctx, in.ResponseURL, word.In(a.dir.locale(in.User.ID)))
	}
	return nil
}

// spent is what a member is told whose press led nowhere, nil if it did not.
func spent(out chat.Outcome) abi.Localized {
	switch out {
	case chat.Used:
		return sayUsed
	case chat.Gone, chat.Unwanted:
		return sayGone
	}
	return nil
}

// open shows the form behind a token. The trigger is good for three seconds,
// so there is one attempt; a member whose form does not open is told.
func (a *Adapter) open(ctx context.Context, in *interaction, ch, token string) error {
	locale := a.dir.locale(in.User.ID)
	form, err := a.sink.Form(ctx, token)
	if errors.Is(err, chat.ErrGone) {
		a.tell(ctx, in.ResponseURL, sayGone.In(locale))
		return nil
	}
	if err != nil {
		return err
	}
	m := modal(&form, origin{Token: token, Channel: ch, Ephemeral: in.Container.Ephemeral}, locale)
	_, err = call(ctx, a, "views.open", "", func(ctx context.Context) (*slack.ViewResponse, error) {
		return a.api.OpenViewContext(ctx, in.TriggerID, m)
	})
	if err != nil {
		a.log.WarnContext(ctx, "slack: a form did not open", "form", form.Name, "error", deliveryError(err))
		a.tell(ctx, in.ResponseURL, sayLate.In(locale))
	}
	return nil
}

// sent is a form that was filled in. The view closes unless the answer says
// otherwise; if the sink is busy it stays as it is, with what was typed.
func (a *Adapter) sent(ctx context.Context, in *interaction) (any, error) {
	var from origin
	if in.View.CallbackID != callbackForm || json.Unmarshal([]byte(in.View.Private), &from) != nil || from.Token == "" {
		a.stats.ignored.Add(1)
		return nil, nil
	}
	id := in.View.ID
	if id == "" {
		id = in.TriggerID
	}
	ev := abi.Event{
		ID:      "view/" + id,
		Source:  Name,
		Kind:    abi.FormSubmitted,
		Time:    a.now().UnixMilli(), // Slack names no time
		Member:  abi.Member{ID: Name + ":" + in.User.ID},
		Form:    &abi.FormData{Values: values(&in.View)},
		Private: from.Ephemeral,
	}
	if isID(from.Channel) {
		ev.Conversation = a.conversation(from.Channel, "")
	}
	out, err := a.accept(ctx, chat.Incoming{Event: ev, Token: from.Token})
	locale := a.dir.locale(in.User.ID)
	if errors.Is(err, chat.ErrRefused) {
		return notice(sayRefused, locale), nil
	}
	if err != nil {
		return nil, err
	}
	if word := spent(out); word != nil {
		return notice(word, locale), nil
	}
	return nil, nil
}

// notice puts a text in the place of a form.
func notice(word abi.Localized, locale string) *slack.ViewSubmissionResponse {
	return slack.NewUpdateViewSubmissionResponse(&slack.ModalViewRequest{
		Type:  slack.VTModal,
		Title: plain("hearth", 24),
		Close: plain(wordClose.In(locale), 24),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewSectionBlock(plain(word.In(locale), maxSection), nil, nil),
		}},
	})
}
