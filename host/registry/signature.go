package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aead.dev/minisign"
)

// Policies about signatures.
const (
	Required = "required" // only what a trusted key has signed comes in
	Warn     = "warn"     // what is not signed comes in and says so; a bad signature does not
	Off      = "off"      // signatures are not looked at
)

// What a signature came to.
const (
	SignedNot   = "none"    // there was none
	SignedWell  = "good"    // by Signature.Key, which is trusted
	SignedOther = "unknown" // by a key that is not trusted: it says nothing
	SignedOff   = "off"     // nobody looked
)

// Signature is what was found of a version's.
type Signature struct {
	Status  string // one of the four above
	Key     string // id of the key, 16 hexadecimal digits; "" without one
	Comment string // the trusted comment, which is signed too
}

// String is one line for people.
func (s Signature) String() string {
	if s.Key == "" {
		return s.Status
	}
	return s.Status + " " + s.Key
}

// ErrSignature says that a signature is wrong, or missing where one is required.
var ErrSignature = errors.New("registry: signature")

// MaxSignature is how many bytes a signature may have; minisign's have about 300.
const MaxSignature = 4 << 10

// Policy says whose signatures are trusted, and what is asked of uploads.
type Policy struct {
	How  string // Required, Warn or Off; "" is Warn
	Keys []Key  // that are trusted
}

// Key is a public key of minisign.
type Key struct{ key minisign.PublicKey }

// ParseKey reads a public key: the second line of a .pub file, or all of it.
func ParseKey(text string) (Key, error) {
	var k Key
	if err := k.key.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
		return Key{}, fmt.Errorf("%w: %.80q is no public key of minisign: it is a line such as RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", ErrSignature, text)
	}
	return k, nil
}

// ID is the key's id as minisign prints it, 16 hexadecimal digits.
func (k Key) ID() string { return keyID(k.key.ID()) }

func (k Key) String() string { return k.key.String() }

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// Check looks at a signature of code, in minisign's format; nil or empty if there
// is none. An error wraps ErrSignature and is one line: the signature is wrong, or
// it is not one by a trusted key, and such is required.
func (p *Policy) Check(code, signature []byte) (Signature, error) {
	switch {
	case p.How == Off:
		return Signature{Status: SignedOff}, nil
	case len(signature) == 0 && p.How == Required:
		return Signature{Status: SignedNot}, fmt.Errorf("%w: it is not signed, and only plugins that a trusted key has signed may come in; sign it: hearth plugin sign FILE --key KEY", ErrSignature)
	case len(signature) == 0:
		return Signature{Status: SignedNot}, nil
	case len(signature) > MaxSignature:
		return Signature{}, fmt.Errorf("%w: it has %d bytes, at most %d: that is no signature of minisign", ErrSignature, len(signature), MaxSignature)
	}
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return Signature{}, fmt.Errorf("%w: it is no signature of minisign: %.120q", ErrSignature, err)
	}
	found := Signature{Key: keyID(s.KeyID)}
	i := slices.IndexFunc(p.Keys, func(k Key) bool { return k.key.ID() == s.KeyID })
	if i < 0 {
		found.Status = SignedOther
		if p.How == Required {
			return found, fmt.Errorf("%w: it is by key %s, which is not among the trusted ones", ErrSignature, found.Key)
		}
		return found, nil
	}
	if !minisign.Verify(p.Keys[i].key, code, signature) {
		return found, fmt.Errorf("%w: it is not of this file, or not by key %s: one of the two was changed after signing", ErrSignature, found.Key)
	}
	found.Status, found.Comment = SignedWell, s.TrustedComment
	return found, nil
}
