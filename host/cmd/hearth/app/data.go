package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What lies in a data directory, beside the store's own files:
//
//	cache/          compiled plugins, and Go's compiler; may be deleted
//	toolchain/      the pack of Go's compiler, unpacked; may be deleted
//	native/         what a native compiler is let see, made anew at each start
//	admin.token     the admin token, unless HEARTH_ADMIN_TOKEN is set
//	webchat.secret  signs the web chat's cookies, unless webchat.secret is set
//	settings.key    opens the secrets that were set on the pages, unless HEARTH_SECRET_KEY does
//	server.url      where the hearth that uses the directory listens, while it does
const (
	tokenFile  = "admin.token"
	secretFile = "webchat.secret"
	urlFile    = "server.url"
)

// CacheDir is where compiled plugins lie in a data directory.
const CacheDir = "cache"

// TokenVariable is the environment variable that sets the admin token.
const TokenVariable = "HEARTH_ADMIN_TOKEN"

// MinToken is how many bytes an admin token has at least.
const MinToken = 16

// ErrNoToken says that a data directory has no admin token (yet).
var ErrNoToken = errors.New("there is no admin token")

// TokenPath is where the admin token of a data directory lies.
func TokenPath(dir string) string { return filepath.Join(dir, tokenFile) }

// ReadToken reads the admin token of a data directory; ErrNoToken if there is
// none.
func ReadToken(dir string) (string, error) {
	data, err := os.ReadFile(TokenPath(dir))
	token := strings.TrimSpace(string(data))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && token == "":
		return "", fmt.Errorf("%w in %s", ErrNoToken, dir)
	case err != nil:
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	return token, nil
}

// ResetToken makes a new admin token and puts it in the place of the old one.
// A hearth that runs goes by the new one at once.
func ResetToken(dir string) (string, error) {
	token := newSecret()
	if err := writeSecret(TokenPath(dir), token); err != nil {
		return "", fmt.Errorf("write the admin token: %w", err)
	}
	return token, nil
}

// ReadURL is where the hearth that uses a data directory listens; "" if none
// seems to. After a crash it may say what is no longer true.
func ReadURL(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, urlFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// newSecret has 256 bits.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// keptSecret reads a secret that is made when it is first needed.
func keptSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(data))) >= MinToken {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	s := newSecret()
	return s, writeSecret(path, s)
}

// writeSecret puts a file that only its owner can read in place, whole or not
// at all.
func writeSecret(path, secret string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
