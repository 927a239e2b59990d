package chattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// SlackBad is why Slack refuses something: its error code and a line like those
// it gives.
type SlackBad struct{ Code, Why string }

func (b *SlackBad) Error() string { return b.Code + ": " + b.Why }

// maxBlocksJSON is about where Slack begins to answer msg_blocks_too_long.
const maxBlocksJSON = 13200

// CheckSlackBlocks holds the blocks of a message against Slack's documented
// bounds, and the one of a whole message that is known from experience.
func CheckSlackBlocks(data []byte) ([]map[string]any, *SlackBad) {
	blocks, bad := checkBlocks(data, 50, false)
	if bad != nil {
		return nil, bad
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(blocks)
	if n := units(b.String()); n > maxBlocksJSON {
		return nil, &SlackBad{"msg_blocks_too_long", fmt.Sprintf("%d characters", n)}
	}
	return blocks, nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

type blockCheck struct {
	view    bool
	blocks  map[string]bool
	actions map[string]bool
	bad     *SlackBad
}

func checkBlocks(data []byte, most int, view bool) ([]map[string]any, *SlackBad) {
	var blocks []map[string]any
	if err := json.Unmarshal(data, &blocks); err != nil {
		return nil, &SlackBad{"invalid_blocks_format", "not a list of objects"}
	}
	c := &blockCheck{view: view, blocks: map[string]bool{}, actions: map[string]bool{}}
	if len(blocks) > most {
		c.no("no more than %d items allowed, have %d", most, len(blocks))
	}
	for i, b := range blocks {
		c.block(fmt.Sprintf("/blocks/%d", i), b)
	}
	return blocks, c.bad
}

func (c *blockCheck) no(format string, args ...any) {
	if c.bad == nil {
		c.bad = &SlackBad{"invalid_blocks", "[ERROR] " + fmt.Sprintf(format, args...)}
	}
}

func (c *blockCheck) block(at string, b map[string]any) {
	if id, _ := b["block_id"].(string); id != "" {
		if units(id) > 255 || c.blocks[id] {
			c.no("%s: block_id too long or not unique", at)
		}
		c.blocks[id] = true
	}
	switch kind, _ := b["type"].(string); kind {
	case "section":
		if b["text"] == nil && b["fields"] == nil {
			c.no("%s: section without text or fields", at)
		}
		if b["text"] != nil {
			c.text(at+"/text", b["text"], 3000, false)
		}
		for i, f := range c.list(at+"/fields", b["fields"], 0, 10) {
			c.text(fmt.Sprintf("%s/fields/%d", at, i), f, 2000, false)
		}
	case "header":
		c.text(at+"/text", b["text"], 150, true)
	case "context":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 10) {
			c.text(fmt.Sprintf("%s/elements/%d", at, i), e, 3000, false)
		}
	case "actions":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 25) {
			c.element(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	case "divider":
	case "rich_text":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 10000) {
			c.rich(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	case "input":
		if !c.view {
			c.no("%s: input in a message", at)
		}
		c.text(at+"/label", b["label"], 2000, true)
		if b["hint"] != nil {
			c.text(at+"/hint", b["hint"], 2000, true)
		}
		c.element(at+"/element", b["element"])
	default:
		c.no("%s: unsupported type %q", at, kind)
	}
}

func (c *blockCheck) list(at string, v any, least, most int) []any {
	list, ok := v.([]any)
	if v != nil && !ok || len(list) < least || len(list) > most {
		c.no("%s: %d to %d items allowed, have %d", at, least, most, len(list))
	}
	return list
}

// text holds a text object against its bounds.
func (c *blockCheck) text(at string, v any, most int, plain bool) {
	t, _ := v.(map[string]any)
	s, _ := t["text"].(string)
	kind, _ := t["type"].(string)
	switch n := units(s); {
	case kind != "plain_text" && (plain || kind != "mrkdwn"):
		c.no("%s: unsupported type %q", at, kind)
	case n == 0 || strings.TrimSpace(s) == "":
		c.no("%s: must be more than 0 characters", at)
	case n > most:
		c.no("%s: must be less than %d characters, has %d", at, most+1, n)
	case kind == "mrkdwn" && t["emoji"] != nil:
		c.no("%s: emoji goes with plain_text", at)
	}
}

func (c *blockCheck) short(at string, v any, least, most int) string {
	s, ok := v.(string)
	if v != nil && !ok || units(s) > most || units(s) < least {
		c.no("%s: %d to %d characters allowed", at, least, most)
	}
	return s
}

func (c *blockCheck) element(at string, v any) {
	e, _ := v.(map[string]any)
	if id := c.short(at+"/action_id", e["action_id"], 0, 255); id != "" && !c.view {
		if c.actions[id] {
			c.no("%s: action_id %q is not unique", at, id)
		}
		c.actions[id] = true
	}
	switch kind, _ := e["type"].(string); kind {
	case "button":
		c.text(at+"/text", e["text"], 75, true)
		c.short(at+"/value", e["value"], 0, 2000)
		c.short(at+"/url", e["url"], 0, 3000)
		if st, ok := e["style"].(string); ok && st != "primary" && st != "danger" {
			c.no("%s: style %q", at, st)
		}
	case "plain_text_input":
		n, _ := e["max_length"].(float64)
		if n < 0 || n > 3000 {
			c.no("%s: max_length %v", at, n)
		}
		initial := c.short(at+"/initial_value", e["initial_value"], 0, 3000)
		if n > 0 && units(initial) > int(n) {
			c.no("%s: initial_value longer than max_length", at)
		}
	case "static_select":
		for i, o := range c.list(at+"/options", e["options"], 1, 100) {
			opt, _ := o.(map[string]any)
			c.text(fmt.Sprintf("%s/options/%d", at, i), opt["text"], 75, true)
			c.short(fmt.Sprintf("%s/options/%d/value", at, i), opt["value"], 1, 150)
		}
	default:
		c.no("%s: unsupported type %q", at, kind)
	}
}

// rich holds one element of a rich_text block against its form.
func (c *blockCheck) rich(at string, v any) {
	e, _ := v.(map[string]any)
	kind, _ := e["type"].(string)
	items := c.list(at+"/elements", e["elements"], 1, 10000)
	switch kind {
	case "rich_text_list":
		if st := e["style"]; st != "ordered" && st != "bullet" {
			c.no("%s: style %v", at, st)
		}
		for i, it := range items {
			if m, _ := it.(map[string]any); m["type"] != "rich_text_section" {
				c.no("%s/elements/%d: a list holds sections", at, i)
			} else {
				c.rich(fmt.Sprintf("%s/elements/%d", at, i), it)
			}
		}
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
		for i, it := range items {
			c.span(fmt.Sprintf("%s/elements/%d", at, i), it, kind == "rich_text_preformatted")
		}
	default:
		c.no("%s: unsupported type %q", at, kind)
	}
}

func (c *blockCheck) span(at string, v any, code bool) {
	e, _ := v.(map[string]any)
	switch kind, _ := e["type"].(string); kind {
	case "text":
		c.short(at+"/text", e["text"], 1, 40000)
	case "link":
		u := c.short(at+"/url", e["url"], 1, 3000)
		if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			c.no("%s: url %q", at, u)
		}
	case "user", "channel":
		id := c.short(at+"/"+kind+"_id", e[kind+"_id"], 2, 32)
		first := map[string]string{"user": "UW", "channel": "CGD"}[kind]
		if code || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || id != "" && !strings.Contains(first, id[:1]) {
			c.no("%s: %s_id %q", at, kind, id)
		}
	default:
		c.no("%s: unsupported type %q", at, kind)
	}
}
