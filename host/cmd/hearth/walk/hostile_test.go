package walk

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat/webchat/tabtest"
)

// What people put into fields who mean no good, or whose clipboard does.
var hostile = map[string]string{
	"HTML":       `"><script>alert(1)</script><img src=x onerror=alert(1)>`,
	"template":   `{{.}} ${7*7} {name} <%= 1 %>`,
	"Markdown":   `**x** [y](javascript:alert(1)) ![z](http://evil.example/z.png) <@webchat:1>`,
	"bidi":       "a\u202eb\u2066c\u200b",
	"NUL":        "a\x00b",
	"control":    "\x01\x07\x1b[31mred\x1b[0m\r\n",
	"no UTF-8":   "a\xff\xfeb",
	"path":       "../../../../etc/passwd%00",
	"a megabyte": strings.Repeat("x", 1<<20),
}

var (
	formOf   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	attrOf   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
	fieldOf  = regexp.MustCompile(`(?s)<(input|textarea|select|button)\b([^>]*)>`)
	typedOut = regexp.MustCompile(`(?s)value="[^"]*"|<textarea[^>]*>.*?</textarea>`) // what was typed stands there as it is
)

func attrs(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attrOf.FindAllStringSubmatch(s, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// TestHostileFields finds every form on every page and puts everything hostile
// into every field of it: nothing breaks, nothing comes back as it was put in,
// and the pages work afterwards.
func TestHostileFields(t *testing.T) {
	browser := tabtest.Start(t)
	h := openWhole(t, false)
	paths := h.populate(browser)
	v := h.browse(access.Admin)
	type form struct {
		action string
		fixed  url.Values
		fields []string
	}
	forms, before := map[string]form{}, map[string]int{}
	for _, path := range paths {
		code, body := v.send("GET", path, nil)
		before[path] = code
		for _, m := range formOf.FindAllStringSubmatch(body, -1) {
			a := attrs(m[1])
			f := form{action: a["action"], fixed: url.Values{}}
			if a["method"] != "post" || a["enctype"] != "" || regexp.MustCompile(`logout|/look|/forget|/revoke|/disable|/end$`).MatchString(f.action) {
				continue // files are tried elsewhere, and so is what would end the test
			}
			for _, m := range fieldOf.FindAllStringSubmatch(m[2], -1) {
				b := attrs(m[2])
				switch {
				case b["name"] == "":
				case b["type"] == "hidden":
					f.fixed.Add(b["name"], b["value"])
				default:
					f.fields = append(f.fields, b["name"])
				}
			}
			if len(f.fields) > 0 {
				forms[regexp.MustCompile(`^/tasks/[a-z-]+`).ReplaceAllString(f.action, "/tasks/…")] = f
			}
		}
	}
	n := 0
	for _, f := range forms {
		action := f.action
		for what, payload := range hostile {
			fill := url.Values{}
			for k, list := range f.fixed {
				fill[k] = list
			}
			for _, k := range f.fields {
				fill.Set(k, payload)
			}
			code, body := v.send("POST", action, fill)
			n++
			if code >= 500 {
				t.Errorf("%s with %s in %q answers %d", action, what, f.fields, code)
			}
			if what == "a megabyte" && code != http.StatusRequestEntityTooLarge && code != http.StatusUnprocessableEntity {
				t.Errorf("%s takes a megabyte in %q: %d", action, f.fields, code)
			}
			shown := typedOut.ReplaceAllString(body, "")
			for _, bad := range []string{"<script>alert", "onerror=alert(1)>", `href="javascript:`, "\u202e", "\x00", "\x1b", "root:x:0"} {
				if strings.Contains(shown, bad) {
					t.Errorf("%s with %s in %q shows %q", action, what, f.fields, bad)
				}
			}
		}
	}
	for _, path := range paths {
		if code, body := v.send("GET", path, nil); code != before[path] || strings.Contains(body, "<script>alert") || strings.Contains(typedOut.ReplaceAllString(body, ""), "\u202e") {
			t.Errorf("%s afterwards: %d", path, code)
		}
	}
	// And in addresses.
	for _, path := range []string{"/members/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/members/..%5c..%5cx", "/tasks/%00", "/messages/..%2f..%2f/x", "/admin/events/%3Cscript%3E", "/admin/settings/..%2fx", "/assets/x/..%2f..%2fpage.go",
		"/admin/events?member=%00&channel=%3Cscript%3Ealert(1)%3C/script%3E", "/members?query=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/members?after=%00%ff", "/admin/audit?who=%3Cscript%3Ealert(1)", "/messages?q=%22%3E%3Cscript%3Ealert(1)",
		"/login?next=//evil.example", "/login?next=https:%2f%2fevil.example", "/login/once?key=%22%3E%3Cscript%3Ealert(1)"} {
		code, body := v.send("GET", path, nil)
		if code >= 500 || strings.Contains(body, "<script>alert") || strings.Contains(body, "root:x:0") || strings.Contains(body, "evil.example") {
			t.Errorf("%s: %d", path, code)
		}
	}
	t.Logf("figure: %d forms with %d kinds of hostile input in each field: %d requests", len(forms), len(hostile), n)
}
