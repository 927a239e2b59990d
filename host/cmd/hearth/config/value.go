package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"maps"
	"regexp"
)

// key is a setting by its full name, and what takes a value for it.
type key struct {
	name   string
	set    func(v any) error
	secret bool
}

// wrong says which type was wanted and which came, in the words of the file.
func wrong(want string, v any) error {
	is := "something else"
	switch v := v.(type) {
	case string:
		is = "text"
	case int64:
		is = "the number " + strconv.FormatInt(v, 10)
	case float64:
		is = "a number with a point"
	case bool:
		is = strconv.FormatBool(v)
	case time.Time:
		is = "a date"
	case []any:
		is = "a list"
	case map[string]any, []map[string]any:
		is = "a table"
	}
	return fmt.Errorf("wants %s, and has %s", want, is)
}

func asText(v any, example string) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrong(`text in quotes, such as "`+example+`"`, v)
	}
	return s, nil
}

func text(p *string, least, most int) func(any) error {
	return func(v any) error {
		s, err := asText(v, "…")
		if err != nil {
			return err
		}
		s = strings.TrimSpace(s)
		if n := utf8.RuneCountInString(s); n < least || n > most {
			return fmt.Errorf("has %d characters; %d to %d are possible", n, least, most)
		}
		*p = s
		return nil
	}
}

func prefixes(p *[]netip.Prefix) func(any) error {
	return func(v any) error {
		var list []string
		if err := texts(&list)(v); err != nil {
			return err
		}
		var out []netip.Prefix
		for _, s := range list {
			prefix, err := netip.ParsePrefix(s)
			if addr, bad := netip.ParseAddr(s); bad == nil {
				prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
			}
			if err != nil {
				return fmt.Errorf(`has %q, which is neither an address nor a range of them such as "10.0.0.0/8"`, s)
			}
			out = append(out, prefix)
		}
		*p = out
		return nil
	}
}

func texts(p *[]string) func(any) error {
	return func(v any) error {
		list, ok := v.([]any)
		if !ok {
			return wrong(`a list of texts, such as ["help", "random"]`, v)
		}
		out := make([]string, 0, len(list))
		for _, e := range list {
			s, ok := e.(string)
			if !ok {
				return wrong(`a list of texts, such as ["help", "random"]`, []any{e})
			}
			out = append(out, s)
		}
		*p = out
		return nil
	}
}

func secret(p *Secret, least int) func(any) error {
	return func(v any) error {
		s, ok := v.(string)
		if !ok {
			// Even its type would tell something of a secret that lacks its quotes.
			return errors.New(`wants text in quotes, such as "${NAME_OF_A_VARIABLE}"`)
		}
		if s != "" && len(s) < least {
			return fmt.Errorf("is too short to be safe: at least %d bytes, such as `openssl rand -hex 32` makes", least)
		}
		*p = NewSecret(s)
		return nil
	}
}

// secretName is what a secret of a plugin may be called.
var secretName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// secrets takes a table of texts. No error shows one.
func secrets(p *map[string]Secret) func(any) error {
	return func(v any) error {
		table, ok := v.(map[string]any)
		if !ok {
			return wrong(`a table such as { token = "${TOKEN}" }`, v)
		}
		*p = map[string]Secret{}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			value, ok := table[name].(string)
			switch {
			case !secretName.MatchString(name):
				return fmt.Errorf("no secret can be called %q: %s", name, secretName)
			case !ok || value == "":
				return fmt.Errorf("%s is no text, or empty", name)
			}
			(*p)[name] = NewSecret(value)
		}
		return nil
	}
}

func boolean(p *bool) func(any) error {
	return func(v any) error {
		b, ok := v.(bool)
		if !ok {
			return wrong("true or false, without quotes", v)
		}
		*p = b
		return nil
	}
}

func number(p *int, least, most int64) func(any) error {
	return func(v any) error {
		n, ok := v.(int64)
		if !ok {
			return wrong("a whole number, without quotes", v)
		}
		if n < least || n > most {
			return fmt.Errorf("is %d; %d to %d are possible", n, least, most)
		}
		*p = int(n)
		return nil
	}
}

func dailyCap(p *int) func(any) error {
	return func(v any) error {
		if v == int64(0) {
			return errors.New("is 0; to send nothing at all use `hearth pause`, for no bound -1")
		}
		return number(p, -1, 1000)(v)
	}
}

// ParseDuration reads what time.ParseDuration does, and days: "30d", "1d12h".
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("%q is no duration", rest)
	}
	return d + more, nil
}

// inWords writes d as the file has it.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return strings.TrimSuffix(s, "0m")
}

func duration(p *time.Duration, least, most time.Duration) func(any) error {
	return func(v any) error {
		s, err := asText(v, "90s")
		if err != nil {
			return err
		}
		d, err := ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is no duration; write 90s, 15m, 24h or 30d", s)
		}
		if d < least || d > most {
			return fmt.Errorf("is %q; %s to %s are possible", s, inWords(least), inWords(most))
		}
		*p = d
		return nil
	}
}

func durations(p *[]time.Duration, most time.Duration) func(any) error {
	return func(v any) error {
		list, ok := v.([]any)
		if !ok || len(list) > 20 {
			return wrong(`a list of at most 20 durations, such as ["1s", "1m"]`, v)
		}
		out := make([]time.Duration, len(list))
		for i, e := range list {
			if err := duration(&out[i], time.Millisecond, most)(e); err != nil {
				return err
			}
		}
		*p = out
		return nil
	}
}

func choice(p *string, of ...string) func(any) error {
	return func(v any) error {
		s, err := asText(v, of[0])
		if err != nil {
			return err
		}
		if !slices.Contains(of, s) {
			return fmt.Errorf("is %q%s; possible: %s", s, suggest(s, of), strings.Join(of, ", "))
		}
		*p = s
		return nil
	}
}

func level(p *slog.Level) func(any) error {
	names := []string{"debug", "info", "warn", "error"}
	return func(v any) error {
		var s string
		if err := choice(&s, names...)(v); err != nil {
			return err
		}
		return p.UnmarshalText([]byte(s))
	}
}

// CheckAddress says what is wrong with an address to listen on.
func CheckAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for every network", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535 behind its colon", s)
	}
	return nil
}

func address(p *string) func(any) error {
	return func(v any) error {
		s, err := asText(v, "127.0.0.1:8080")
		if err == nil {
			err = CheckAddress(s)
		}
		if err == nil {
			*p = s
		}
		return err
	}
}

func httpURL(p *string) func(any) error {
	return func(v any) error {
		s, err := asText(v, "https://example.org/")
		if err != nil {
			return err
		}
		if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("is no address that begins with https:// or http://")
		}
		*p = s
		return nil
	}
}

// origin is an httpURL that names a server and nothing on it.
func origin(p *string) func(any) error {
	return func(v any) error {
		var s string
		if err := httpURL(&s)(v); err != nil {
			return err
		}
		s = strings.TrimSuffix(s, "/")
		if u, err := url.Parse(s); err != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("names a place below a server; hearth needs a host name of its own, such as https://hearth.example.org")
		}
		*p = s
		return nil
	}
}

func timeZone(p **time.Location) func(any) error {
	return func(v any) error {
		s, err := asText(v, "Asia/Shanghai")
		if err != nil {
			return err
		}
		z, err := time.LoadLocation(s)
		if err != nil || s == "" || s == "Local" {
			return fmt.Errorf("%q is no time zone; write its IANA name, such as Asia/Shanghai or Europe/Berlin", s)
		}
		*p = z
		return nil
	}
}

func locale(p *string) func(any) error {
	return func(v any) error {
		s, err := asText(v, "zh-CN")
		if err != nil {
			return err
		}
		tag, err := language.Parse(s)
		if err != nil || tag == language.Und {
			return fmt.Errorf("%q is no language tag; write en or zh-CN", s)
		}
		*p = tag.String()
		return nil
	}
}

// hours reads "22:00-08:00". Halves of an hour are not possible: a member's
// time zone may have them already.
func hours(from, to *int) func(any) error {
	return func(v any) error {
		s, err := asText(v, "22:00-08:00")
		if err != nil {
			return err
		}
		if s == "" {
			*from, *to = 0, 0
			return nil
		}
		a, b, ok := strings.Cut(s, "-")
		f, err1 := hour(a)
		t, err2 := hour(b)
		if !ok || err1 != nil || err2 != nil {
			return fmt.Errorf(`%q is no span of whole hours; write "22:00-08:00", or "" for none`, s)
		}
		*from, *to = f, t
		return nil
	}
}

func hour(s string) (int, error) {
	h, ok := strings.CutSuffix(strings.TrimSpace(s), ":00")
	n, err := strconv.ParseUint(h, 10, 8)
	if !ok || err != nil || n > 23 {
		return 0, fmt.Errorf("%q is no full hour", s)
	}
	return int(n), nil
}
