package webchat

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	flashName = "hearth_say"   // what the next page tells, once
	typedName = "hearth_typed" // what was filled into a form that has been sent without script
	flashAge  = 60             // seconds
	typedAge  = 600
	maxTyped  = 3 << 10 // bytes: browsers keep no larger cookie
)

// typed is what a member filled into the form of a message. The page that
// follows shows it again: whether it will do, a plugin says only later.
type typed struct {
	Member string            `json:"a"`
	Msg    string            `json:"m"`
	Fields map[string]string `json:"f"`
}

func (a *Adapter) setShort(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/chat", MaxAge: age, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: a.secure || r.TLS != nil})
}

// sayNext has the next page of the browser tell the text of key.
func (a *Adapter) sayNext(w http.ResponseWriter, r *http.Request, key string) {
	a.setShort(w, r, flashName, key, flashAge)
}

// said is the key of what the page has to tell, "" for nothing. Loaded anew, it
// does not tell it again.
func (a *Adapter) said(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(flashName)
	if err != nil {
		return ""
	}
	a.setShort(w, r, flashName, "", -1)
	if !sayable[c.Value] {
		return ""
	}
	return c.Value
}

// keepTyped remembers what was filled in; what is too long for a cookie is not.
func (a *Adapter) keepTyped(w http.ResponseWriter, r *http.Request, member, msg string) {
	t := typed{Member: member, Msg: msg, Fields: make(map[string]string)}
	for name, v := range r.PostForm {
		if f, ok := strings.CutPrefix(name, "f."); ok {
			t.Fields[f] = v[0]
		}
	}
	b, err := json.Marshal(t)
	if s := base64.RawURLEncoding.EncodeToString(b); err == nil && len(t.Fields) > 0 && len(s) <= maxTyped {
		a.setShort(w, r, typedName, s, typedAge)
	}
}

// retype fills in again what was typed, if the page shows the form.
func (a *Adapter) retype(w http.ResponseWriter, r *http.Request, p *pageView) {
	c, err := r.Cookie(typedName)
	if err != nil {
		return
	}
	var t typed
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(b, &t) != nil || t.Member != p.Me.ID {
		return
	}
	var shown []*messageView
	if p.Conv != nil {
		shown = append(shown, p.Conv.List...)
	}
	if p.Thread != nil {
		shown = append(append(shown, p.Thread.Root), p.Thread.List...)
	}
	for _, m := range shown {
		if m.ID == t.Msg {
			m.retype(t.Fields)
			a.setShort(w, r, typedName, "", -1)
		}
	}
}

func (m *messageView) retype(fields map[string]string) {
	for _, b := range m.Blocks {
		if b.Form == nil {
			continue
		}
		for i := range b.Form.Inputs {
			if v, ok := fields[b.Form.Inputs[i].Name]; ok {
				b.Form.Inputs[i].Value = v
			}
		}
	}
}
