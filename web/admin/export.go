package admin

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web/page"
)

// exportRow is an entry as the export has it, a line of JSON each.
type exportRow struct {
	Number string    `json:"number"`
	Time   time.Time `json:"time"`
	WhoID  string    `json:"who_id"`
	Who    string    `json:"who"`
	Role   string    `json:"role,omitempty"`
	Via    string    `json:"via,omitempty"`
	Did    string    `json:"did"`
	On     string    `json:"on"`
	Before string    `json:"before,omitempty"`
	After  string    `json:"after,omitempty"`
	Why    string    `json:"why,omitempty"`
}

func exported(e *audit.Entry) exportRow {
	return exportRow{strconv.FormatUint(e.Number, 10), e.At.UTC(), e.Who.ID, e.Who.Name, e.Who.Role, e.Who.Via, e.Did, e.On, e.Before, e.After, e.Why}
}

var exportHead = []string{"number", "time", "who_id", "who", "role", "via", "did", "on", "before", "after", "why"}

// exportCSV writes the record as a table for spreadsheets, the newest first.
func (p *pages) exportCSV(w http.ResponseWriter, r *page.Request) error {
	out := csv.NewWriter(w)
	return p.export(w, r, "csv", "text/csv; charset=utf-8", func() error {
		if _, err := w.Write([]byte("\ufeff")); err != nil { // by this spreadsheets know UTF-8
			return err
		}
		return out.Write(exportHead)
	}, func(e *audit.Entry) error {
		x := exported(e)
		cells := []string{x.Number, x.Time.Format(time.RFC3339Nano), x.WhoID, x.Who, x.Role, x.Via, x.Did, x.On, x.Before, x.After, x.Why}
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	})
}

// exportLines writes it as JSON lines.
func (p *pages) exportLines(w http.ResponseWriter, r *page.Request) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return p.export(w, r, "jsonl", "application/jsonl; charset=utf-8", func() error { return nil }, func(e *audit.Entry) error { return out.Encode(exported(e)) })
}

// export streams what a request chooses: however much that is, it takes little
// memory and holds up nobody. Once bytes have gone out an error breaks the answer off,
// so that half a record is not taken for a whole one.
func (p *pages) export(w http.ResponseWriter, r *page.Request, ext, kind string, begin func() error, write func(*audit.Entry) error) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="hearth-audit-%s.%s"`, p.o.Now().UTC().Format(time.DateOnly), ext))
	n := 0
	err := begin()
	if err == nil {
		_, _, err = p.read(r.Context(), chosen(r), 0, 0, func(e *audit.Entry) (bool, error) {
			if n%500 == 0 {
				r.Patience(w, 0)
			}
			n++
			return true, write(e)
		})
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// cell is a text that no spreadsheet takes for a formula.
func cell(s string) string {
	t := strings.TrimLeft(s, " \u00a0\u3000")
	if t != "" && strings.ContainsAny(t[:1], "=+-@\t\r\n") || strings.HasPrefix(t, "＝") || strings.HasPrefix(t, "＋") || strings.HasPrefix(t, "－") || strings.HasPrefix(t, "＠") {
		return "'" + s
	}
	return s
}
