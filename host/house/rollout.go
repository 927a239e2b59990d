package house

import (
	"strconv"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Rollout is a gradual release that ended by itself.
type Rollout struct {
	Plugin, Version string
	Promoted        bool    // else it was rolled back
	Which           string  // the guardrail that broke, as package rollout calls it
	Now, Most       float64 // what the version had, and what it may have had
}

// parts are guardrails whose figures are parts of one: they are told in percent.
var parts = map[string]bool{"error_rate": true, "refused": true, "delivery_failures": true}

// TellRollout tells a manager how a gradual release ended, and why.
func TellRollout(s *Setup, locale string, r *Rollout) abi.Content {
	if locale == "" {
		locale = s.Locale
	}
	say := func(key string, args ...any) string { return text(s.Texts, locale, key, args...) }
	if r.Promoted {
		return content(abi.Block{Heading: say("rollout.promoted.title", "plugin", r.Plugin)},
			abi.Block{Text: say("rollout.promoted", "plugin", r.Plugin, "version", r.Version)})
	}
	blocks := []abi.Block{{Heading: say("rollout.back.title", "plugin", r.Plugin)}, {Text: say("rollout.back", "plugin", r.Plugin, "version", r.Version)}}
	if _, known := catalogue["rollout."+r.Which]; known {
		now, most := r.Now, r.Most
		if parts[r.Which] {
			now, most = now*100, most*100
		}
		blocks = append(blocks, abi.Block{Text: say("rollout."+r.Which, "now", short(now), "most", short(most))})
	}
	return content(blocks...)
}

// short is a figure with as many digits as people read.
func short(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}
