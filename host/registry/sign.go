package registry

import (
	"errors"
	"fmt"

	"aead.dev/minisign"
)

// ErrKey says that a private key cannot be read: it is none, or the password is
// not its.
var ErrKey = errors.New("registry: private key")

// NewKey makes a pair of keys in minisign's format, whose program and libraries
// work with them too. With a password the private one can be read by nobody else;
// that takes a second and a gigabyte of memory, here and whenever it is used.
func NewKey(password string) (public, private []byte, err error) {
	pub, key, err := minisign.GenerateKey(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("registry: make a key: %w", err)
	}
	if public, err = pub.MarshalText(); err != nil {
		return nil, nil, fmt.Errorf("registry: write the public key: %w", err)
	}
	if password == "" {
		private, err = key.MarshalText()
	} else {
		private, err = minisign.EncryptKey(password, key)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("registry: write the private key: %w", err)
	}
	return append(public, '\n'), append(private, '\n'), nil
}

// Locked says whether a private key wants a password.
func Locked(private []byte) bool { return minisign.IsEncrypted(private) }

// Sign signs code with a private key. The comment is signed too, and shown with
// the signature: what was signed, and when. The error is ErrKey if the key or its
// password is wrong; neither is in its text.
func Sign(code, private []byte, password, comment string) ([]byte, error) {
	var key minisign.PrivateKey
	var err error
	if Locked(private) {
		key, err = minisign.DecryptKey(password, private)
		if err != nil {
			return nil, fmt.Errorf("%w: the password is not that of this key, or the key is damaged", ErrKey)
		}
	} else if err = key.UnmarshalText(private); err != nil {
		return nil, fmt.Errorf("%w: it is none of minisign; `hearth plugin keygen` makes a pair", ErrKey)
	}
	return minisign.SignWithComments(key, code, comment, "signature by hearth"), nil
}
