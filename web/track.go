package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web/page"
)

// Outside is what members do elsewhere, and how that comes in. It is safe for
// concurrent use.
type Outside interface {
	// Knows says whether there is a member of that id.
	Knows(ctx context.Context, member string) (bool, error)

	// Name is what an event from outside of that name is here: a name that is
	// tracked, or one of [abi.Kinds].
	Name(event string) string

	// Backfill reads what became of a repository's pull requests, OWNER/NAME, before
	// hearth was told. progress may be nil, is called by one goroutine at a time, and
	// never after it has returned. ErrNotFound says that there is no such repository
	// to be read; [chat.ErrBusy] that another is being read.
	Backfill(ctx context.Context, who audit.Who, repository string, progress func(BackfillProgress)) (Backfilled, error)
}

// Bounds of what is tracked.
const maxTrackBytes = 64 << 10

// memberRate is how fast one member's own programs may tell something.
var memberRate = page.Pace{PerSecond: 1, Burst: 30}

// codeRate is how fast codes may be tried, by all together: nobody guesses one,
// but each costs a look into the store.
var codeRate = page.Pace{PerSecond: 5, Burst: 100}

// memberScheme is a member's own token: by the program that has it the member
// tells something of themselves, and can do nothing else.
const memberScheme = "member"

type memberKey struct{}

// personal is the member whose own token a request has, for operations that
// members may carry out; "" is nobody.
func (s *Server) personal(ctx huma.Context) (member string, err error) {
	r, _ := humachi.Unwrap(ctx)
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return "", access.ErrUnknown
	}
	return s.o.Access.MemberByToken(r.Context(), strings.TrimSpace(secret))
}

// members lets members pass by their own tokens, where the operation says that
// they may; it says whether that settled the request.
func (s *Server) members(ctx huma.Context, next func(huma.Context)) bool {
	may := false
	only := true
	for _, security := range ctx.Operation().Security {
		if _, ok := security[memberScheme]; ok {
			may = true
		} else {
			only = false
		}
	}
	if !may {
		return false
	}
	_, w := humachi.Unwrap(ctx)
	member, err := s.personal(ctx)
	switch {
	case err == nil:
		next(huma.WithValue(ctx, memberKey{}, member))
	case !errors.Is(err, access.ErrUnknown):
		s.log.ErrorContext(ctx.Context(), "a request failed", "doing", "asking whose token it is", "err", err)
		problem(w, http.StatusInternalServerError, "hearth could not find out whose token this is; its log says why")
	case only:
		w.Header().Set("WWW-Authenticate", `Bearer realm="hearth"`)
		problem(w, http.StatusUnauthorized, "this needs a member's own token, as `hearth go login` gets one: say `link go` to the bot")
	default:
		return false
	}
	return true
}

// outsideRoutes registers what has to do with what members do elsewhere.
func (s *Server) outsideRoutes(api huma.API) {
	limits := page.NewLimits(s.now)
	track := op("track", http.MethodPost, "/api/v1/track", "Tell something that a member did elsewhere")
	track.Description = "It reaches plugins and figures as custom.tracked under its name, once however often it is sent with one id. " +
		"go_run_first_time, go_mod_init_success and go_import_resolve_fail count once a member, by whichever way they come. " +
		"With a member's own token it is that member's, and nobody else's can be told."
	track.DefaultStatus = http.StatusAccepted
	track.MaxBodyBytes = maxTrackBytes
	track.BodyReadTimeout = bodyTimeout
	track.Security = append(track.Security, map[string][]string{memberScheme: {}})
	track.Errors = []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable}
	huma.Register(api, track, func(ctx context.Context, in *struct {
		Body    Track
		RawBody []byte
	}) (*out[Tracked], error) {
		in.Body.exact(in.RawBody)
		return s.track(ctx, limits, &in.Body)
	})

	login := huma.Operation{OperationID: "member-sign-in", Method: http.MethodPost, Path: "/api/v1/track/login", Summary: "Get a member's own token by the code that the bot gave them",
		Description: "A code works once, and for ten minutes. It is for the command `hearth go login`.",
		Errors:      []int{http.StatusForbidden, http.StatusTooManyRequests}, DefaultStatus: http.StatusOK, MaxBodyBytes: 4 << 10, BodyReadTimeout: bodyTimeout}
	login.Middlewares = huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		if wait, ok := limits.Take("codes", page.AllAddresses, codeRate); !ok {
			c.SetHeader("Retry-After", strconv.Itoa(seconds(wait)))
			_ = huma.WriteErr(api, c, http.StatusTooManyRequests, "too many codes were tried; try again in a while") // an error says that nobody listens
			return
		}
		next(c)
	}}
	huma.Register(api, login, s.memberSignIn)

	logout := huma.Operation{OperationID: "member-sign-out", Method: http.MethodDelete, Path: "/api/v1/track/login", Summary: "End the member's own token that this is asked with",
		DefaultStatus: http.StatusNoContent, Security: []map[string][]string{{memberScheme: {}}}}
	huma.Register(api, logout, func(ctx context.Context, in *struct {
		Authorization string `header:"Authorization" hidden:"true"`
	}) (*struct{}, error) {
		_, secret, _ := strings.Cut(in.Authorization, " ")
		if err := s.o.Access.EndMember(ctx, strings.TrimSpace(secret)); err != nil {
			return nil, s.failed(ctx, "sign out", err)
		}
		return nil, nil
	})
	s.backfillRoute(api)
}

// Track is what a member did elsewhere.
type Track struct {
	Member string         `json:"member,omitempty" maxLength:"256" doc:"id, such as slack:U2147483697; not needed with a member's own token" example:"slack:U2147483697"`
	Name   string         `json:"name" minLength:"1" maxLength:"128" doc:"as the community calls it" example:"tour_finished"`
	Props  map[string]any `json:"props,omitempty" doc:"texts, numbers, true and false; 32 at most"`
	Time   string         `json:"time,omitempty" format:"date-time" doc:"when it happened, RFC 3339; not there: now"`
	ID     string         `json:"id,omitempty" maxLength:"256" doc:"of this happening: what is sent twice with one id counts once. Without it each counts"`
}

// Tracked is the answer to a track.
type Tracked struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome" enum:"accepted,duplicate,unwanted" doc:"unwanted: no plugin and no figure asks for it, and nothing was stored"`
}

// exact takes the numbers of the properties as they were written: a float64 has
// whole ones up to 2^53.
func (t *Track) exact(body []byte) {
	var as struct {
		Props map[string]any `json:"props"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&as) == nil && len(as.Props) == len(t.Props) {
		t.Props = as.Props
	}
}

func (s *Server) track(ctx context.Context, limits *page.Limits, in *Track) (*out[Tracked], error) {
	source, member := "track/"+by(ctx).ID, in.Member
	if own, ok := ctx.Value(memberKey{}).(string); ok {
		if member != "" && member != own {
			return nil, huma.Error403Forbidden("this token is one member's own: it can tell nothing of another")
		}
		source, member = "track/member/"+own, own
		if wait, ok := limits.Take("told", memberPrefix(own), memberRate); !ok {
			return nil, huma.ErrorWithHeaders(huma.Error429TooManyRequests("that is more than a member's programs may tell; send it again later"),
				http.Header{"Retry-After": {strconv.Itoa(seconds(wait))}})
		}
	}
	if member == "" {
		return nil, huma.Error400BadRequest("member is missing: whose is it?")
	}
	ev, err := in.event(s.o.Outside.Name)
	if err != nil {
		return nil, huma.Error400BadRequest(err.Error())
	}
	known, err := s.o.Outside.Knows(ctx, member)
	if err != nil {
		return nil, s.failed(ctx, "track", err)
	}
	if !known {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no member %q", member))
	}
	ev.Source, ev.Member.ID = source, member
	got, err := s.o.Host.Accept(ctx, chat.Incoming{Event: ev})
	if err != nil {
		return nil, s.failed(ctx, "track", err)
	}
	return &out[Tracked]{Tracked{ev.ID, outcomeOf(got)}}, nil
}

// memberPrefix stands for a member where what addresses do is counted.
func memberPrefix(member string) netip.Prefix {
	sum := sha256.Sum256([]byte(member))
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(sum[:16])), 128)
}

// annotations are the properties as plugins get them, by name.
func annotations(props map[string]any) ([]abi.Annotation, error) {
	if len(props) > maxProps {
		return nil, fmt.Errorf("there are %d props, at most %d", len(props), maxProps)
	}
	var list []abi.Annotation
	for _, name := range slices.Sorted(maps.Keys(props)) {
		var text string
		switch v := props[name].(type) {
		case string:
			text = v
		case json.Number:
			if text = v.String(); strings.ContainsAny(text, ".eE") {
				n, err := v.Float64()
				if err != nil {
					return nil, fmt.Errorf("the prop %.40q is no number that can be kept", name)
				}
				text = strconv.FormatFloat(n, 'f', -1, 64)
			}
		case float64:
			text = strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			text = strconv.FormatBool(v)
		default:
			return nil, fmt.Errorf("the prop %.40q is no text, number, true or false", name)
		}
		if len(name) > abi.MaxName || len(text) > maxProp {
			return nil, fmt.Errorf("the prop %.40q is too long: a name has at most %d bytes, a value %d", name, abi.MaxName, maxProp)
		}
		list = append(list, abi.Annotation{Name: name, Value: text})
	}
	return list, nil
}

// addProp puts a property in its place by name, where there is none of that name.
func addProp(list []abi.Annotation, name, value string) []abi.Annotation {
	i, found := slices.BinarySearchFunc(list, name, func(a abi.Annotation, name string) int { return strings.Compare(a.Name, name) })
	if found {
		return list
	}
	return slices.Insert(slices.Clone(list), i, abi.Annotation{Name: name, Value: value})
}

// event is what plugins get, but for whose it is.
func (t *Track) event(named func(string) string) (abi.Event, error) {
	ev := abi.Event{ID: t.ID, Kind: abi.CustomTracked}
	if ev.ID == "" {
		ev.ID = rand.Text()
	}
	if !utf8.ValidString(t.Name) || !utf8.ValidString(ev.ID) {
		return ev, errors.New("name or id is not UTF-8")
	}
	if t.Time != "" {
		at, err := time.Parse(time.RFC3339, t.Time)
		if err != nil {
			return ev, errors.New("time is not as RFC 3339 has it, such as 2026-01-02T15:04:05Z")
		}
		ev.Time = at.UnixMilli()
	}
	ev.Custom = &abi.Custom{Name: t.Name}
	var err error
	if ev.Custom.Props, err = annotations(t.Props); err != nil {
		return ev, err
	}
	rename(&ev, named)
	return ev, nil
}

// rename gives an event from outside the name that it has here. What it was called
// stays with it.
func rename(ev *abi.Event, named func(string) string) {
	was := ev.Custom.Name
	now := named(was)
	if now == "" || now == was {
		return
	}
	ev.Custom.Name = now
	ev.Custom.Props = addProp(ev.Custom.Props, "type", was)
	for _, k := range MappedKinds {
		if now == string(k) {
			ev.Kind = k
		}
	}
}

// MappedKinds are the kinds of event that an event from outside may be made; all
// others are things that only chat can tell.
var MappedKinds = []abi.Kind{abi.MemberJoined, abi.MemberLeft, abi.PROpened, abi.PRMerged}

func outcomeOf(o chat.Outcome) string {
	switch o {
	case chat.Duplicate:
		return "duplicate"
	case chat.Unwanted:
		return "unwanted"
	}
	return "accepted"
}

// MemberSignIn is the code by which a member's program comes to a token.
type MemberSignIn struct {
	Code string `json:"code" minLength:"1" maxLength:"64" doc:"as the bot gave it"`
}

// MemberToken is a member's own token.
type MemberToken struct {
	Token   string    `json:"token" doc:"it cannot be had again"`
	Member  string    `json:"member"`
	Expires time.Time `json:"expires"`
}

func (s *Server) memberSignIn(ctx context.Context, in *struct{ Body MemberSignIn }) (*out[MemberToken], error) {
	token, member, err := s.o.Access.RedeemCode(ctx, in.Body.Code)
	if errors.Is(err, access.ErrUnknown) {
		return nil, huma.Error403Forbidden("this code opens nothing: it was used, or it is too old. Say `link go` to the bot for a new one")
	}
	if err != nil {
		return nil, s.failed(ctx, "sign a member in", err)
	}
	return &out[MemberToken]{MemberToken{token, member, s.now().Add(access.MemberTime).UTC().Truncate(time.Second)}}, nil
}
