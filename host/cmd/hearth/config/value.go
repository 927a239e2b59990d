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
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"maps"
	"regexp"

	"github.com/hearthbot/hearth/host/registry"
)

// key is a setting by its full name, when a change of it works, and its field.
type key struct {
	name string
	when When
	field
}

// field is the place of a value: what takes one, as TOML has it, and what shows
// it as that would take it.
type field struct {
	kind    Kind
	set     func(v any) error
	get     func() any // a string, int64, bool, []any or map[string]any
	choices []string   // of a Choice
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
	return Say("wants %s, and has %s", "类型不对：需要 %s，现在是 %s", want, is)
}

func asText(v any, example string) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrong(`text in quotes, such as "`+example+`"`, v)
	}
	return s, nil
}

func text(p *string, least, most int) field {
	return field{kind: TextKind, get: func() any { return *p }, set: func(v any) error {
		s, err := asText(v, "…")
		if err != nil {
			return err
		}
		s = strings.TrimSpace(s)
		if n := utf8.RuneCountInString(s); n < least || n > most {
			return Say("has %d characters; %d to %d are possible", "有 %d 个字符，应为 %d 到 %d 个", n, least, most)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			return Say("has control characters, which cannot be seen", "含有看不见的控制字符")
		}
		*p = s
		return nil
	}}
}

func prefixes(p *[]netip.Prefix) field {
	return field{kind: ListKind, get: func() any { return listOf(*p, netip.Prefix.String) }, set: func(v any) error {
		var list []string
		if err := texts(&list).set(v); err != nil {
			return err
		}
		var out []netip.Prefix
		for _, s := range list {
			prefix, err := netip.ParsePrefix(s)
			if addr, bad := netip.ParseAddr(s); bad == nil {
				prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
			}
			if err != nil {
				return Say(`has %q, which is neither an address nor a range of them such as "10.0.0.0/8"`, "%q 既不是地址，也不是 10.0.0.0/8 这样的地址段", s)
			}
			out = append(out, prefix)
		}
		*p = out
		return nil
	}}
}

func texts(p *[]string) field {
	return field{kind: ListKind, get: func() any { return listOf(*p, func(s string) string { return s }) }, set: func(v any) error {
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
	}}
}

// listOf is a list as TOML has it.
func listOf[T any](list []T, text func(T) string) any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = text(e)
	}
	return out
}

// memberID is how members are named: by their platform, and their id there.
var memberID = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}:[^\s:][^\s]{0,99}$`)

// memberIDs takes a list of members.
func memberIDs(p *[]string) field {
	f := texts(p)
	f.set = func(v any) error {
		var list []string
		if err := texts(&list).set(v); err != nil {
			return err
		}
		for _, s := range list {
			if !memberID.MatchString(s) {
				return Say("has %q, which is no member's id; write PLATFORM:ID, such as slack:U012AB3CD", "%q 不是成员编号，请写成 平台:编号，例如 slack:U012AB3CD", s)
			}
		}
		*p = list
		return nil
	}
	return f
}

// publicKeys are keys of minisign, each as its second line has it.
func publicKeys(p *[]string) field {
	f := texts(p)
	f.set = func(v any) error {
		var list []string
		if err := texts(&list).set(v); err != nil {
			return err
		}
		for _, s := range list {
			if _, err := registry.ParseKey(s); err != nil {
				return Say("has %.80q, which is no public key of minisign; write the second line of the .pub file", "%.80q 不是 minisign 公钥，请填写 .pub 文件的第二行", s)
			}
		}
		*p = list
		return nil
	}
	return f
}

func secret(p *Secret, least int) field {
	return field{kind: SecretKind, get: func() any { return p.Reveal() }, set: func(v any) error {
		s, ok := v.(string)
		if !ok {
			// Even its type would tell something of a secret that lacks its quotes.
			return errors.New(`wants text in quotes, such as "${NAME_OF_A_VARIABLE}"`)
		}
		if s != "" && len(s) < least {
			return Say("is too short to be safe: at least %d bytes, such as `openssl rand -hex 32` makes", "太短，不安全：至少 %d 个字节，可以用 openssl rand -hex 32 生成", least)
		}
		*p = NewSecret(s)
		return nil
	}}
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

func boolean(p *bool) field {
	return field{kind: BooleanKind, get: func() any { return *p }, set: func(v any) error {
		b, ok := v.(bool)
		if !ok {
			return wrong("true or false, without quotes", v)
		}
		*p = b
		return nil
	}}
}

func number(p *int, least, most int64) field {
	return field{kind: NumberKind, get: func() any { return int64(*p) }, set: func(v any) error {
		n, ok := v.(int64)
		if !ok {
			return wrong("a whole number, without quotes", v)
		}
		if n < least || n > most {
			return Say("is %d; %d to %d are possible", "是 %d，应在 %d 到 %d 之间", n, least, most)
		}
		*p = int(n)
		return nil
	}}
}

func dailyCap(p *int) field {
	return field{kind: NumberKind, get: func() any { return int64(*p) }, set: func(v any) error {
		if v == int64(0) {
			return Say("is 0; to send nothing at all use `hearth pause`, for no bound -1", "是 0：要完全停止发送请暂停机器人，不设上限请写 -1")
		}
		return number(p, -1, 1000).set(v)
	}}
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
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") { // and not of 10m
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func duration(p *time.Duration, least, most time.Duration) field {
	return field{kind: DurationKind, get: func() any { return inWords(*p) }, set: func(v any) error {
		s, err := asText(v, "90s")
		if err != nil {
			return err
		}
		d, err := ParseDuration(s)
		if err != nil {
			return Say("%q is no duration; write 90s, 15m, 24h or 30d", "%q 不是时长，请写成 90s、15m、24h 或 30d", s)
		}
		if d < least || d > most {
			return Say("is %q; %s to %s are possible", "是 %q，应在 %s 到 %s 之间", s, inWords(least), inWords(most))
		}
		*p = d
		return nil
	}}
}

func durations(p *[]time.Duration, most time.Duration) field {
	return field{kind: ListKind, get: func() any { return listOf(*p, inWords) }, set: func(v any) error {
		list, ok := v.([]any)
		if !ok || len(list) > 20 {
			return wrong(`a list of at most 20 durations, such as ["1s", "1m"]`, v)
		}
		out := make([]time.Duration, len(list))
		for i, e := range list {
			if err := duration(&out[i], time.Millisecond, most).set(e); err != nil {
				return err
			}
		}
		*p = out
		return nil
	}}
}

func choice(p *string, of ...string) field {
	return field{kind: ChoiceKind, get: func() any { return *p }, choices: of, set: func(v any) error {
		s, err := asText(v, of[0])
		if err != nil {
			return err
		}
		if !slices.Contains(of, s) {
			return Say("is %q%s; possible: %s", "是 %[1]q，可选：%[3]s", s, suggest(s, of), strings.Join(of, ", "))
		}
		*p = s
		return nil
	}}
}

func level(p *slog.Level) field {
	names := []string{"debug", "info", "warn", "error"}
	return field{kind: ChoiceKind, choices: names, get: func() any { return strings.ToLower(p.String()) }, set: func(v any) error {
		var s string
		if err := choice(&s, names...).set(v); err != nil {
			return err
		}
		return p.UnmarshalText([]byte(s))
	}}
}

// CheckAddress says what is wrong with an address to listen on.
func CheckAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return Say("%q is no address; write HOST:PORT, such as 127.0.0.1:8080, or :8080 for every network", "%q 不是地址，请写成 主机:端口，例如 127.0.0.1:8080，或用 :8080 表示所有网络", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Say("%q has no port from 0 to 65535 behind its colon", "%q 的冒号后不是 0 到 65535 的端口", s)
	}
	return nil
}

func address(p *string) field {
	return field{kind: AddressKind, get: func() any { return *p }, set: func(v any) error {
		s, err := asText(v, "127.0.0.1:8080")
		if err == nil {
			err = CheckAddress(s)
		}
		if err == nil {
			*p = s
		}
		return err
	}}
}

func httpURL(p *string) field {
	return field{kind: URLKind, get: func() any { return *p }, set: func(v any) error {
		s, err := asText(v, "https://example.org/")
		if err != nil {
			return err
		}
		if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
			return Say("is no address that begins with https:// or http://", "不是以 https:// 或 http:// 开头的网址")
		}
		*p = s
		return nil
	}}
}

// origin is an httpURL that names a server and nothing on it.
func origin(p *string) field {
	return field{kind: URLKind, get: func() any { return *p }, set: func(v any) error {
		var s string
		if err := httpURL(&s).set(v); err != nil {
			return err
		}
		s = strings.TrimSuffix(s, "/")
		if u, err := url.Parse(s); err != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return Say("names a place below a server; hearth needs a host name of its own, such as https://hearth.example.org", "带有路径；hearth 需要独立的主机名，例如 https://hearth.example.org")
		}
		*p = s
		return nil
	}}
}

func timeZone(p **time.Location) field {
	return field{kind: ZoneKind, get: func() any { return (*p).String() }, set: func(v any) error {
		s, err := asText(v, "Asia/Shanghai")
		if err != nil {
			return err
		}
		z, err := time.LoadLocation(s)
		if err != nil || s == "" || s == "Local" {
			return Say("%q is no time zone; write its IANA name, such as Asia/Shanghai or Europe/Berlin", "%q 不是时区，请写 IANA 名称，例如 Asia/Shanghai 或 Europe/Berlin", s)
		}
		*p = z
		return nil
	}}
}

func locale(p *string) field {
	return field{kind: LocaleKind, get: func() any { return *p }, set: func(v any) error {
		s, err := asText(v, "zh-CN")
		if err != nil {
			return err
		}
		tag, err := language.Parse(s)
		if err != nil || tag == language.Und {
			return Say("%q is no language tag; write en or zh-CN", "%q 不是语言代码，请写 en 或 zh-CN", s)
		}
		*p = tag.String()
		return nil
	}}
}

// hours reads "22:00-08:00". Halves of an hour are not possible: a member's
// time zone may have them already.
func hours(from, to *int) field {
	return field{kind: HoursKind, get: func() any { return span(*from, *to) }, set: func(v any) error {
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
			return Say(`%q is no span of whole hours; write "22:00-08:00", or "" for none`, "%q 不是整点时段，请写成 22:00-08:00，不需要时留空", s)
		}
		*from, *to = f, t
		return nil
	}}
}

// span writes hours as the file has them.
func span(from, to int) string {
	if from == to {
		return ""
	}
	return fmt.Sprintf("%02d:00-%02d:00", from, to)
}

func hour(s string) (int, error) {
	h, ok := strings.CutSuffix(strings.TrimSpace(s), ":00")
	n, err := strconv.ParseUint(h, 10, 8)
	if !ok || err != nil || n > 23 {
		return 0, fmt.Errorf("%q is no full hour", s)
	}
	return int(n), nil
}
