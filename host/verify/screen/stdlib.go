package screen

import (
	"path"
	"slices"
	"strings"
)

// Standard says whether path is a package of the standard library that makes
// sense in the sandbox. Packages that fail cleanly there when they run (os,
// net, net/http) are allowed: much of what they have needs no system. "unsafe"
// and "C" are not for it to judge.
func Standard(path string) bool { return inStandard(path) && useless[path] == "" }

func inStandard(path string) bool {
	_, found := slices.BinarySearch(standard, path)
	return found
}

// useless are packages of the standard library that cannot do here what they
// are for, and why.
var useless = map[string]string{
	"log/syslog":       "there is no system log here",
	"net/http/cgi":     "it starts other programs, and there are none here",
	"net/http/fcgi":    "there is no web server here to talk to",
	"os/exec":          "it starts other programs, and there are none here",
	"plugin":           "programs here cannot load others",
	"runtime/cgo":      "there is no C here",
	"runtime/coverage": "there are no files here to write it to",
	"runtime/race":     "there is no race detector here",
}

// whyNot says why a package cannot be imported, and what to do.
func whyNot(p string) string {
	if why := useless[p]; why != "" {
		return "package " + p + " cannot be used here: " + why
	}
	first, _, _ := strings.Cut(p, "/")
	switch {
	case strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../"):
		return "all files are one package here: what " + p + " declares can be used without an import if its file is there"
	case strings.Contains("/"+p+"/", "/internal/"):
		return "use of internal package " + p + " not allowed"
	case first == "cmd" || first == "vendor":
		return "package " + p + " is part of the Go tools and cannot be imported"
	case strings.Contains(first, "."):
		return "package " + p + " is not part of the standard library, and nothing is downloaded here"
	case inStandard(p):
		return "package " + p + " may not be imported here"
	}
	if like := similar(p); like != "" {
		return "package " + p + " is not in std; did you mean " + like + "?"
	}
	return "package " + p + " is not in std"
}

// similar is a package whose last element is p's, or almost p; "" if there is
// none.
func similar(p string) string {
	if len(p) > 40 {
		return ""
	}
	for _, s := range standard {
		if path.Base(s) == path.Base(p) && Standard(s) {
			return s
		}
	}
	for _, s := range standard {
		if Standard(s) && (strings.EqualFold(s, p) || slip(s, p)) {
			return s
		}
	}
	return ""
}

// slip says whether one is the other with a single letter left out, added or
// mistaken, or two neighbours swapped.
func slip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 3 || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) || a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// standard are the packages of the standard library for GOOS=wasip1, sorted;
// internal ones are left out.
var standard = []string{
	"archive/tar", "archive/zip", "bufio", "bytes", "cmp", "compress/bzip2", "compress/flate", "compress/gzip",
	"compress/lzw", "compress/zlib", "container/heap", "container/list", "container/ring", "context", "crypto",
	"crypto/aes", "crypto/cipher", "crypto/des", "crypto/dsa", "crypto/ecdh", "crypto/ecdsa", "crypto/ed25519",
	"crypto/elliptic", "crypto/fips140", "crypto/hkdf", "crypto/hmac", "crypto/hpke", "crypto/md5", "crypto/mlkem",
	"crypto/mlkem/mlkemtest", "crypto/pbkdf2", "crypto/rand", "crypto/rc4", "crypto/rsa", "crypto/sha1", "crypto/sha256",
	"crypto/sha3", "crypto/sha512", "crypto/subtle", "crypto/tls", "crypto/x509", "crypto/x509/pkix", "database/sql",
	"database/sql/driver", "debug/buildinfo", "debug/dwarf", "debug/elf", "debug/gosym", "debug/macho", "debug/pe",
	"debug/plan9obj", "embed", "encoding", "encoding/ascii85", "encoding/asn1", "encoding/base32", "encoding/base64",
	"encoding/binary", "encoding/csv", "encoding/gob", "encoding/hex", "encoding/json", "encoding/pem", "encoding/xml",
	"errors", "expvar", "flag", "fmt", "go/ast", "go/build", "go/build/constraint", "go/constant", "go/doc",
	"go/doc/comment", "go/format", "go/importer", "go/parser", "go/printer", "go/scanner", "go/token", "go/types",
	"go/version", "hash", "hash/adler32", "hash/crc32", "hash/crc64", "hash/fnv", "hash/maphash", "html", "html/template",
	"image", "image/color", "image/color/palette", "image/draw", "image/gif", "image/jpeg", "image/png",
	"index/suffixarray", "io", "io/fs", "io/ioutil", "iter", "log", "log/slog", "log/syslog", "maps", "math", "math/big",
	"math/bits", "math/cmplx", "math/rand", "math/rand/v2", "mime", "mime/multipart", "mime/quotedprintable", "net",
	"net/http", "net/http/cgi", "net/http/cookiejar", "net/http/fcgi", "net/http/httptest", "net/http/httptrace",
	"net/http/httputil", "net/http/pprof", "net/mail", "net/netip", "net/rpc", "net/rpc/jsonrpc", "net/smtp",
	"net/textproto", "net/url", "os", "os/exec", "os/signal", "os/user", "path", "path/filepath", "plugin", "reflect",
	"regexp", "regexp/syntax", "runtime", "runtime/coverage", "runtime/debug", "runtime/metrics", "runtime/pprof",
	"runtime/race", "runtime/trace", "slices", "sort", "strconv", "strings", "structs", "sync", "sync/atomic", "syscall",
	"testing", "testing/cryptotest", "testing/fstest", "testing/iotest", "testing/quick", "testing/slogtest",
	"testing/synctest", "text/scanner", "text/tabwriter", "text/template", "text/template/parse", "time", "time/tzdata",
	"unicode", "unicode/utf16", "unicode/utf8", "unique", "weak",
}
