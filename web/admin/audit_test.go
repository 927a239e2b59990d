package admin

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

func (h *house) record(list ...audit.Entry) {
	h.t.Helper()
	for _, e := range list {
		if err := h.Audit.Add(h.t.Context(), e); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestAudit(t *testing.T) {
	h := newHouse(t)
	h.want(access.Admin, "/admin/audit?who=nobody", 200, "Nothing here fits")
	anna := audit.Who{ID: "token/1", Name: "Anna <b>", Role: "manager", Via: "page"}
	h.record(
		audit.Entry{Who: anna, Did: "setting.set", On: "setting/community.name", Before: `"old"`, After: `"<new>"`, Why: "we <chose> it"},
		audit.Entry{Who: audit.Who{ID: "slack:U1", Name: "Ben", Via: "chat"}, Did: "host.pause", On: "host"},
		audit.Entry{Who: audit.Who{ID: "x"}, Did: "odd.verb", On: "odd/\u202e", After: strings.Repeat("long ", 2000)})
	h.want(access.Admin, "/admin/audit", 200, "Anna &lt;b&gt;", "we &lt;chose&gt; it", `&#34;&lt;new&gt;&#34;`, `class="del"`, `class="ins"`, "setting/community.name",
		"paused everything", "in chat", "odd.verb", `\u202e`, "the export has all of it", "signed in", "manager")
	h.want(access.Admin, "/admin/audit?lang=zh-CN", 200, "变更记录", "修改设置", "全部暂停")
	h.want(access.Admin, "/admin/audit?who=anna", 200, "Anna", "!Ben", "who=anna")
	h.want(access.Admin, "/admin/audit?who=%3Dslack:U1", 200, "Ben", "!Anna", `value="=slack:U1"`)
	h.want(access.Admin, "/admin/audit?who=%3DBen", 200, "!>Ben<")
	h.want(access.Admin, "/admin/audit?who=slack:U1", 200, "Ben", "!Anna")
	h.want(access.Admin, "/admin/audit?did=setting", 200, "Anna", "!Ben", `value="setting" selected`)
	h.want(access.Admin, "/admin/audit?did=host.pause", 200, "Ben", "!Anna", "<option selected>host.pause</option>")
	h.want(access.Admin, "/admin/audit?on=setting/community.name", 200, "Anna", "!Ben")
	for _, bad := range []string{"x", "-1", "0", strings.Repeat("9", 40)} {
		h.want(access.Admin, "/admin/audit?before="+bad, 400)
	}
	for _, path := range []string{"/admin/audit", "/admin/audit/export.csv", "/admin/audit/export.jsonl"} {
		h.want(access.Manager, path, 403, "!Ben")
	}
}

// TestAuditPages goes back through many entries, by a filter that few fit.
func TestAuditPages(t *testing.T) {
	h := newHouse(t)
	h.record(audit.Entry{Who: audit.Who{Name: "Zoe"}, Did: "task.set", On: "task/first"})
	for i := range 2 * auditPage {
		h.record(audit.Entry{Who: audit.Who{Name: "Ann"}, Did: "task.set", On: fmt.Sprint("task/", i)})
	}
	path, seen := "/admin/audit", 0
	for pages := 1; ; pages++ {
		body := h.ask(access.Admin, "GET", path, "").Body.String()
		seen += strings.Count(body, `class="did"`)
		_, rest, more := strings.Cut(body, `<a href="/admin/audit?before=`)
		if !more {
			if !strings.Contains(body, "task/first") || pages != 3 {
				t.Errorf("the last page is number %d: %s", pages, body)
			}
			break
		}
		number, _, _ := strings.Cut(rest, `"`)
		path = "/admin/audit?before=" + number
	}
	if want := 2*auditPage + 1 + 1; seen != want { // the admin signed in
		t.Errorf("%d entries on all pages, want %d", seen, want)
	}
	for i := range auditLook {
		h.record(audit.Entry{Who: audit.Who{Name: "Ann"}, Did: "task.set", On: fmt.Sprint("task/", i)})
	}
	h.want(access.Admin, "/admin/audit?who=zoe", 200, "Looked back to", "one page looks at 3,000", "Look further back", "!task/first")
}

func TestExport(t *testing.T) {
	h := newHouse(t)
	evil := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "＋1", "－1", "＠1"}
	for _, s := range evil {
		h.record(audit.Entry{Who: audit.Who{ID: s, Name: s}, Did: "setting.set", On: "setting/x", Before: s, After: "a,\"b\"\nc", Why: s})
	}
	for i := range 1200 {
		h.record(audit.Entry{Who: audit.Who{Name: "Ann"}, Did: "task.set", On: fmt.Sprint("task/", i), After: "fine"})
	}
	w := h.ask(access.Admin, "GET", "/admin/audit/export.csv", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Disposition"), `attachment; filename="hearth-audit-2026-11-26.csv"`) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
	if want := 1 + len(evil) + 1200 + 1; err != nil || len(rows) != want {
		t.Fatalf("%d rows, %v, want %d", len(rows), err, want)
	}
	hurt := 0
	for _, row := range rows[1:] {
		for _, c := range row {
			if c == "a,\"b\"\nc" || c == "" {
				continue
			}
			if strings.ContainsAny(c[:1], "=+-@\t\r ") || strings.HasPrefix(c, "＝") || strings.HasPrefix(c, "＋") || strings.HasPrefix(c, "－") || strings.HasPrefix(c, "＠") {
				t.Errorf("a spreadsheet may take %q for a formula", c)
			}
			if c[0] == '\'' {
				hurt++
			}
		}
	}
	if hurt != 4*len(evil) {
		t.Errorf("%d cells have a mark, want %d", hurt, 4*len(evil))
	}
	w = h.ask(access.Admin, "GET", "/admin/audit/export.jsonl?did=setting", "")
	n := 0
	for line := range strings.Lines(w.Body.String()) {
		var e map[string]string
		if err := json.Unmarshal([]byte(line), &e); err != nil || e["did"] != "setting.set" || e["after"] != "a,\"b\"\nc" {
			t.Fatalf("%q: %v", line, err)
		}
		n++
	}
	if n != len(evil) {
		t.Errorf("%d lines, want %d", n, len(evil))
	}
}
