package sdktest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/sdk/abi"
)

// split cuts a line into words; NAME="two words" is one, without its quotes.
func split(line string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		quoted bool
	)
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i, r := range line {
		switch {
		case r == '"' && (quoted || i == 0 || line[i-1] == '=' || line[i-1] == ' '):
			quoted = !quoted
		case r == ' ' && !quoted:
			flush()
		default:
			word.WriteRune(r)
		}
	}
	flush()
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("nothing happens")
	}
	return words, nil
}

// flat turns NAME=VALUE words into names and values in turn.
func flat(words []string) []string {
	var out []string
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		out = append(out, name, value)
	}
	return out
}

func annotations(words []string) []abi.Annotation {
	var as []abi.Annotation
	for f := flat(words); len(f) > 0; f = f[2:] {
		as = append(as, abi.Annotation{Name: f[0], Value: f[1]})
	}
	return as
}

// parseDuration is time.ParseDuration with days: "7d".
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// messageID names a message that a member posts.
func (b *Bot) messageID() string { return fmt.Sprintf("msg%d", b.events+1) }
