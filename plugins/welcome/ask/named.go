package ask

import (
	"slices"
	"strings"
)

// plain are names that are taken for the package wherever they stand as a word of
// their own: they are no words of everyday English. The others ("time", "sort")
// have to be marked as code, be followed by what they export, or have the word
// package beside them.
var plain = []string{"fmt", "strconv", "bufio", "regexp", "json", "http", "base64", "filepath", "utf8", "sha256", "sha512", "md5", "xml", "csv",
	"slog", "httptest", "pprof", "gob", "tls", "gzip", "zlib", "netip", "hmac", "maphash", "tabwriter", "httputil"}

// words are what a package is called beside its name.
var (
	before = []string{"package", "pkg", "包"}
	behind = []string{"package", "packages", "pkg", "library", "lib", "包", "库", "标准库"}
)

// Named are the packages that a text names, in its order, each once. A name is the
// path of a package (net/http), or its last element where it is clear that it is
// meant: `time`, "time", time.Now, the time package, time 包, fmt.
func Named(text string) (named []Package) {
	for i := 0; i < len(text); {
		n := i
		for n < len(text) && isName(text[n]) {
			n++
		}
		if n == i {
			i++
			continue
		}
		if strings.HasPrefix(text[n:], "://") { // an address names no package
			i = n + addressEnd(text[n:])
			continue
		}
		if p, ok := name(text[:i], strings.TrimRight(text[i:n], "./"), text[n:]); ok && !slices.Contains(named, p) {
			named = append(named, p)
		}
		i = n
	}
	return named
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '/'
}

// addressEnd is where an address ends: at a space, or at the first letter that no
// address has as it is.
func addressEnd(s string) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }); n >= 0 {
		return n
	}
	return len(s)
}

// name is the package that a word names between what stands before and behind it.
func name(left, word, right string) (Package, bool) {
	path, exported := word, ""
	if slash := strings.LastIndexByte(word, '/'); strings.Contains(word[slash+1:], ".") {
		dot := slash + 1 + strings.IndexByte(word[slash+1:], '.')
		path, exported = word[:dot], word[dot+1:]
	}
	path = strings.ToLower(path)
	if p, ok := byPath[path]; ok && strings.Contains(path, "/") {
		return p, true
	}
	p, ok := byName[path]
	if !ok {
		return Package{}, false
	}
	switch {
	case exported != "":
		ok = 'A' <= exported[0] && exported[0] <= 'Z' && len(exported) > 1
	case slices.Contains(plain, path):
	case quoted(left, right):
	default:
		ok = beside(left, right)
	}
	return p, ok
}

// quoted says whether a word stands between marks of code or of a string.
func quoted(left, right string) bool {
	if left == "" || right == "" {
		return false
	}
	mark := left[len(left)-1]
	return mark == right[0] && (mark == '`' || mark == '"')
}

// beside says whether the word package stands beside.
func beside(left, right string) bool {
	left = strings.ToLower(strings.TrimRight(left, " `\"*"))
	right = strings.ToLower(strings.TrimLeft(right, " `\"*"))
	return slices.ContainsFunc(before, func(w string) bool {
		rest, ok := strings.CutSuffix(left, w)
		return ok && (rest == "" || !isName(rest[len(rest)-1]))
	}) || slices.ContainsFunc(behind, func(w string) bool {
		rest, ok := strings.CutPrefix(right, w)
		return ok && (rest == "" || !isName(rest[0]) || w[0] > '~')
	})
}
