package registry_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"aead.dev/minisign"

	"github.com/hearthbot/hearth/host/registry"
)

// The example of minisign's own page: a key that everybody knows.
const published = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"

func pair(t testing.TB) (registry.Key, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := registry.ParseKey(public.String())
	if err != nil {
		t.Fatal(err)
	}
	return k, private
}

func TestParseKey(t *testing.T) {
	k, err := registry.ParseKey(published)
	if err != nil || k.ID() != "E7620F1842B4E81F" || k.String() != published {
		t.Errorf("%s %s, %v", k.ID(), k, err)
	}
	if k, err = registry.ParseKey("untrusted comment: minisign public key E7620F1842B4E81F\n" + published + "\n"); err != nil || k.String() != published {
		t.Errorf("a whole file: %s, %v", k, err)
	}
	for _, bad := range []string{"", "RWQ", published[:50], "RWx" + published[3:], strings.Repeat("A", 1000)} {
		if _, err := registry.ParseKey(bad); !errors.Is(err, registry.ErrSignature) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestCheck(t *testing.T) {
	code := []byte("\x00asm and so on")
	trusted, private := pair(t)
	_, stranger := pair(t)
	good, foreign := minisign.SignWithComments(private, code, "welcome 1.0.0", "signed by us"), minisign.Sign(stranger, code)
	// Of the trusted key's id, and by another key.
	forged := minisign.Sign(stranger, code)
	var a, b minisign.Signature
	if err := errors.Join(a.UnmarshalText(good), b.UnmarshalText(forged)); err != nil {
		t.Fatal(err)
	}
	b.KeyID = a.KeyID
	forged, err := b.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	comment := bytes.Replace(good, []byte("welcome 1.0.0"), []byte("welcome 9.0.0"), 1)
	for _, c := range []struct {
		name      string
		how       string
		code      []byte
		signature []byte
		want      string // status, "refused"
	}{
		{"good", registry.Required, code, good, registry.SignedWell},
		{"good", registry.Warn, code, good, registry.SignedWell},
		{"good", registry.Off, code, good, registry.SignedOff},
		{"none", registry.Required, code, nil, "refused"},
		{"none", registry.Warn, code, nil, registry.SignedNot},
		{"none", "", code, nil, registry.SignedNot},
		{"none", registry.Off, code, nil, registry.SignedOff},
		{"a stranger's", registry.Required, code, foreign, "refused"},
		{"a stranger's", registry.Warn, code, foreign, registry.SignedOther},
		{"of other code", registry.Required, []byte("other"), good, "refused"},
		{"of other code", registry.Warn, []byte("other"), good, "refused"},
		{"forged", registry.Warn, code, forged, "refused"},
		{"with another comment", registry.Warn, code, comment, "refused"},
		{"half", registry.Warn, code, good[:len(good)/2], "refused"},
		{"no signature", registry.Warn, code, []byte("hello"), "refused"},
		{"endless", registry.Warn, code, bytes.Repeat([]byte("A"), 1<<20), "refused"},
		{"wrong", registry.Off, []byte("other"), good, registry.SignedOff},
	} {
		p := registry.Policy{How: c.how, Keys: []registry.Key{trusted}}
		s, err := p.Check(c.code, c.signature)
		got := s.Status
		if err != nil {
			got = "refused"
			if !errors.Is(err, registry.ErrSignature) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
				t.Errorf("%s, %s: %v", c.name, c.how, err)
			}
		}
		if got != c.want {
			t.Errorf("%s, %s: %s, %v, want %s", c.name, c.how, got, err, c.want)
		}
		if got == registry.SignedWell && (s.Key != trusted.ID() || s.Comment != "welcome 1.0.0" || s.String() != "good "+trusted.ID()) {
			t.Errorf("%s, %s: %+v", c.name, c.how, s)
		}
	}
}

// FuzzCheck: nothing that is not signed by the key is taken for signed.
func FuzzCheck(f *testing.F) {
	code := []byte("code")
	trusted, private := pair(f)
	good := minisign.Sign(private, code)
	f.Add(good)
	f.Add(good[:100])
	f.Add([]byte("untrusted comment: x\nRUQ=\ntrusted comment: y\nAA==\n"))
	f.Fuzz(func(t *testing.T, signature []byte) {
		p := registry.Policy{How: registry.Warn, Keys: []registry.Key{trusted}}
		s, err := p.Check(code, signature)
		if err != nil && !errors.Is(err, registry.ErrSignature) {
			t.Errorf("an error of another kind: %v", err)
		}
		if err == nil && s.Status == registry.SignedWell && !minisign.Verify(must(t, trusted), code, signature) {
			t.Errorf("taken for good: %q", signature)
		}
		if _, err := registry.ParseKey(string(signature)); err != nil && !errors.Is(err, registry.ErrSignature) {
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

func must(t *testing.T, k registry.Key) (p minisign.PublicKey) {
	t.Helper()
	if err := p.UnmarshalText([]byte(k.String())); err != nil {
		t.Fatal(err)
	}
	return p
}
