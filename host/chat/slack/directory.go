package slack

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/slack-go/slack"
	"golang.org/x/sync/singleflight"
)

const (
	memberTTL  = 10 * time.Minute
	channelTTL = time.Hour
	dmTTL      = 24 * time.Hour
	maxKnown   = 8192

	// lookupTime bounds a question that an event waits for: Slack gives three
	// seconds for all of it.
	lookupTime = 1200 * time.Millisecond

	// youth is how old a channel is while those who come in are being put there
	// by whoever makes it, and do not join.
	youth = 30 * time.Second
)

// directory is what the adapter has learnt of the workspace. All of it can be
// asked for again.
type directory struct {
	a        *Adapter
	me       atomic.Pointer[identity]
	meAfter  atomic.Int64 // Unix milliseconds before which a failed auth.test is not repeated
	members  *cache[user]
	channels *cache[channel]
	dms      *cache[string]
	flight   singleflight.Group
}

// identity is who hearth is in the workspace.
type identity struct {
	user, name, teamID, team string
}

type channel struct {
	name    string
	kind    abi.ConversationKind
	created int64 // Unix seconds
}

func newDirectory(a *Adapter) *directory {
	return &directory{
		a:        a,
		members:  newCache[user](a.now, memberTTL, maxKnown),
		channels: newCache[channel](a.now, channelTTL, maxKnown),
		dms:      newCache[string](a.now, dmTTL, maxKnown),
	}
}

// self is who hearth is; it asks Slack if it does not know yet, and is empty if
// Slack does not say. Events name the bot user too, see learnSelf.
func (d *directory) self(ctx context.Context) identity {
	if me := d.me.Load(); me != nil {
		return *me
	}
	if d.a.now().UnixMilli() < d.meAfter.Load() {
		return identity{}
	}
	d.lookup(ctx, "self", func(ctx context.Context) (any, error) {
		_, _, err := d.a.authTest(ctx)
		if err != nil {
			d.meAfter.Store(d.a.now().Add(30 * time.Second).UnixMilli())
		}
		return nil, err
	})
	if me := d.me.Load(); me != nil {
		return *me
	}
	return identity{}
}

// learnSelf takes the bot user that an event was sent for as hearth's.
func (d *directory) learnSelf(env *envelope) {
	if d.me.Load() != nil {
		return
	}
	for _, auth := range env.Authorizations {
		if auth.IsBot && isID(auth.UserID) {
			d.me.CompareAndSwap(nil, &identity{user: auth.UserID, teamID: env.TeamID})
			return
		}
	}
}

// lookup asks a question once for all who ask it at the time, and waits for the
// answer no longer than lookupTime and ctx allow. It goes on if the first to
// ask goes away.
func (d *directory) lookup(ctx context.Context, key string, ask func(context.Context) (any, error)) (any, error) {
	answer := d.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
		defer cancel()
		return ask(ctx)
	})
	select {
	case r := <-answer:
		return r.Val, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// learn takes over what an event says of a user.
func (d *directory) learn(u *user) {
	if u != nil && isID(u.ID) {
		d.members.put(u.ID, *u)
	}
}

// member looks a user up.
func (d *directory) member(ctx context.Context, id string) (user, error) {
	if u, ok := d.members.get(id); ok {
		return u, nil
	}
	v, err := d.lookup(ctx, "member/"+id, func(ctx context.Context) (any, error) {
		info, err := call(ctx, d.a, "users.info", "", func(ctx context.Context) (*slack.User, error) {
			return d.a.api.GetUserInfoContext(ctx, id)
		})
		if err != nil {
			return nil, err
		}
		if info.ID != id {
			return nil, errNoAnswer
		}
		u := user{
			ID: info.ID, TeamID: info.TeamID, Name: info.Name, RealName: info.RealName, Deleted: info.Deleted,
			TZ: info.TZ, Locale: info.Locale, IsBot: info.IsBot, IsWorkflow: info.IsWorkflowBot,
			Restricted: info.IsRestricted, Ultra: info.IsUltraRestricted, Stranger: info.IsStranger,
			Profile: userProfile{DisplayName: info.Profile.DisplayName, RealName: info.Profile.RealName},
		}
		d.learn(&u)
		return u, nil
	})
	if err != nil {
		return user{}, err
	}
	return v.(user), nil
}

// channel looks a channel up.
func (d *directory) channel(ctx context.Context, id string) (channel, error) {
	if c, ok := d.channels.get(id); ok {
		return c, nil
	}
	v, err := d.lookup(ctx, "channel/"+id, func(ctx context.Context) (any, error) {
		info, err := call(ctx, d.a, "conversations.info", "", func(ctx context.Context) (*slack.Channel, error) {
			return d.a.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
		})
		if err != nil {
			return nil, err
		}
		if info.ID != id {
			return nil, errNoAnswer
		}
		c := channel{name: info.Name, kind: abi.Channel, created: int64(info.Created)}
		switch {
		case info.IsIM:
			c.kind = abi.Direct
		case info.IsMpIM || info.IsPrivate:
			c.kind = abi.Group
		}
		d.channels.put(id, c)
		return c, nil
	})
	if err != nil {
		return channel{}, err
	}
	return v.(channel), nil
}

// beingCreated says whether a channel was made so shortly before that nobody
// can be said to have joined it. If Slack does not say, it was not.
func (d *directory) beingCreated(ctx context.Context, id string, at int64) bool {
	c, err := d.channel(ctx, id)
	return err == nil && c.created > 0 && at-c.created*1000 < youth.Milliseconds()
}

// dm is the conversation between hearth and a member, opened if need be.
func (d *directory) dm(ctx context.Context, member string) (string, error) {
	if id, ok := d.dms.get(member); ok {
		return id, nil
	}
	ch, err := call(ctx, d.a, "conversations.open", "", func(ctx context.Context) (*slack.Channel, error) {
		ch, _, _, err := d.a.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{member}})
		return ch, err
	})
	if err != nil {
		return "", err
	}
	if ch == nil || !isID(ch.ID) {
		return "", errNoAnswer
	}
	d.dms.put(member, ch.ID)
	return ch.ID, nil
}

// locale is the language a member reads, the community's if not known.
func (d *directory) locale(id string) string {
	if u, ok := d.members.get(id); ok && u.Locale != "" {
		return u.Locale
	}
	return d.a.locale
}

// member is u as hearth knows people.
func (u *user) member() abi.Member {
	name := u.Profile.DisplayName
	for _, n := range []string{u.Profile.RealName, u.RealName, u.Name} {
		if name == "" {
			name = n
		}
	}
	return abi.Member{
		ID: Name + ":" + u.ID, Name: name, Locale: u.Locale, TimeZone: u.TZ,
		Bot:   u.bot(),
		Guest: u.Restricted || u.Ultra || u.Stranger,
	}
}

func (u *user) bot() bool { return u.IsBot || u.IsWorkflow || u.ID == slackbot }

// slackbot is Slack's own, which its API does not call a bot.
const slackbot = "USLACKBOT"

// Profile looks a member up: name, language, time zone, whether a guest or bot.
// Its error is a *chat.DeliveryError.
func (a *Adapter) Profile(ctx context.Context, memberID string) (abi.Member, error) {
	id := abi.LocalID(memberID)
	if abi.Platform(memberID) != Name || !isID(id) {
		return abi.Member{}, badID("member", memberID)
	}
	u, err := a.dir.member(ctx, id)
	if err != nil {
		return abi.Member{}, deliveryError(err)
	}
	return u.member(), nil
}
