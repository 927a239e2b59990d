package change

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// memberCookie keeps whom somebody sends their tries to: themselves.
const memberCookie = "try_member"

const keepMember = 180 * 24 * time.Hour

// memberID is a member's as people copy it: with its platform.
var memberID = regexp.MustCompile(`^[a-z][a-z0-9]{0,20}:[A-Za-z0-9._$=+/-]{1,120}$`)

// tryRate bounds how fast one person may have messages sent.
var tryRate = page.Pace{PerSecond: 1.0 / 10, Burst: 6}

// tryText sends what was typed to a member.
func (p *pages) tryText(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	t, community, err := p.find(r.Context(), r.PathValue("plugin"), r.PathValue("key"))
	if err != nil {
		return err
	}
	l := p.Texts(r)
	s := t.side(r.URL.Query().Get("in"))
	if s == nil {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	side := p.side(l, t, s, community, true, form, nil)
	member := strings.TrimSpace(form.Get("member"))
	status, out := http.StatusOK, &tried{}
	var wait time.Duration
	fits := memberID.MatchString(member) && strings.TrimSpace(side.Text) != "" && len(side.Faults) == 0
	may := true
	if fits {
		wait, may = p.limits.Take("try "+r.Person.ID, page.AllAddresses, tryRate)
	}
	switch {
	case !memberID.MatchString(member):
		status, out.Text = http.StatusUnprocessableEntity, l.Say("try.member")
	case !fits:
		status, out.Text = http.StatusUnprocessableEntity, l.Say("try.faulty")
	case !may:
		status, out.Text = http.StatusTooManyRequests, l.Say("try.often", int(math.Ceil(max(1, wait.Seconds()))))
	default:
		r.Keep(w, memberCookie, member, keepMember)
		pieces, _ := takeApart(side.Text, side.Placeholders)
		r.Patience(w, 10*time.Second)
		said, err := p.o.Sender.Say(r.Context(), r.Who(), member, l.String(), newFiller(pieces, side.Locale, community).fill(pieces, many))
		if status, out, err = told(l, said, member, err); err != nil {
			return err
		}
	}
	if r.Live() {
		return p.Part(w, r, http.StatusOK, "text.tried", out)
	}
	return p.showText(w, r, status, &textView{Tried: out}, form, nil)
}

// told is what became of a message, in words.
func told(l page.Texts, said Said, member string, err error) (int, *tried, error) {
	switch {
	case errors.Is(err, web.ErrNotFound):
		return http.StatusUnprocessableEntity, &tried{Text: l.Say("try.nobody", member)}, nil
	case errors.Is(err, chat.ErrBusy):
		return http.StatusServiceUnavailable, &tried{Text: l.Say("try.busy")}, nil
	case err != nil:
		return 0, nil, err
	case said.Status == "sent":
		return http.StatusOK, &tried{Good: true, Text: l.Say("try.sent", member)}, nil
	case said.Status == "waiting":
		return http.StatusOK, &tried{Text: l.Say("try.waits")}, nil
	}
	return http.StatusBadGateway, &tried{Text: l.Say("try.failed", page.Printable(cmp.Or(said.Why, said.Status)))}, nil
}
