package chattest

import (
	"slices"
	"strconv"
	"strings"
)

// history lists what stands in a channel, newest first, without replies.
func (s *Slack) history(a args) answer {
	if c := s.channels[a["channel"]]; c == nil || c.Private && c.Outside {
		return no("channel_not_found")
	} else if c.Outside {
		return no("not_in_channel")
	}
	var list []*SlackMessage
	for _, m := range s.msgs {
		if m.Channel == a["channel"] && m.ThreadTS == "" && visible(m, a) {
			list = append(list, m)
		}
	}
	slices.Reverse(list)
	return page(list, a)
}

// replies lists a thread, oldest first, beginning with the message it hangs on.
func (s *Slack) replies(a args) answer {
	root := s.find(a["channel"], a["ts"])
	if root == nil {
		return no("thread_not_found")
	}
	list := []*SlackMessage{root}
	for _, m := range s.msgs {
		if m.Channel == root.Channel && m.ThreadTS == root.TS && visible(m, a) {
			list = append(list, m)
		}
	}
	return page(list, a)
}

func visible(m *SlackMessage, a args) bool {
	if m.Deleted || m.To != "" {
		return false
	}
	edge := a["inclusive"] == "1" || a["inclusive"] == "true"
	if o := a["oldest"]; o != "" && (less(m.TS, o) || m.TS == o && !edge) {
		return false
	}
	if l := a["latest"]; l != "" && (less(l, m.TS) || m.TS == l && !edge) {
		return false
	}
	return true
}

// less says whether the time a is before b.
func less(a, b string) bool {
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return x < y
}

// page cuts a list by limit and cursor.
func page(list []*SlackMessage, a args) answer {
	limit, err := strconv.Atoi(a["limit"])
	if err != nil || limit < 1 {
		limit = 100
	}
	limit = min(limit, 999)
	from, _ := strconv.Atoi(strings.TrimPrefix(a["cursor"], "c"))
	from = min(max(from, 0), len(list))
	to := min(from+limit, len(list))
	msgs := []map[string]any{}
	for _, m := range list[from:to] {
		msgs = append(msgs, m.json(a["include_all_metadata"] == "1" || a["include_all_metadata"] == "true"))
	}
	next := ""
	if to < len(list) {
		next = "c" + strconv.Itoa(to)
	}
	return yes(answer{"messages": msgs, "has_more": next != "", "response_metadata": answer{"next_cursor": next}})
}

func (m *SlackMessage) json(metadata bool) map[string]any {
	out := map[string]any{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if metadata && m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	if m.User == "U0HEARTH" || m.Metadata != nil {
		out["bot_id"] = "B0HEARTH"
	}
	return out
}
