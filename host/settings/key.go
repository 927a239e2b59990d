package settings

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// KeyVariable is the environment variable that holds the key for secrets, and
// KeyFile the file in the data directory that does where it is not set.
const (
	KeyVariable = "HEARTH_SECRET_KEY"
	KeyFile     = "settings.key"
)

// keySize is AES-256's.
const keySize = 32

// ErrKey says that secrets cannot be sealed or read with the key there is. The
// error that wraps it says what to do.
var ErrKey = errors.New("settings: the key for secrets")

// Key seals secrets and opens them: AES-256-GCM, bound to the setting's name, so
// that a sealed value opens in no other's place. It is safe for concurrent use.
type Key struct {
	text string // of the environment; "" for the file
	file string

	mu   sync.Mutex
	aead cipher.AEAD // nil until first needed
	id   string
}

// NewKey returns the key that text holds (the base64 of 32 bytes), or else the
// one in the file KeyFile of dir. Nothing is read before it is needed, and the
// file is made when first something is sealed; so a bad key is an error of what
// needs it, and of nothing else.
func NewKey(dir, text string) *Key {
	return &Key{text: strings.TrimSpace(text), file: filepath.Join(dir, KeyFile)}
}

// sealed is a secret at rest.
type sealed struct {
	Key string `json:"k"` // which key it was sealed with
	Box []byte `json:"b"` // nonce and ciphertext
}

func (k *Key) seal(name, plain string) (sealed, error) {
	aead, id, err := k.load(true)
	if err != nil {
		return sealed{}, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return sealed{id, aead.Seal(nonce, nonce, []byte(plain), []byte(name))}, nil
}

func (k *Key) open(name string, s sealed) (string, error) {
	aead, id, err := k.load(false)
	if err != nil {
		return "", err
	}
	if id != s.Key {
		return "", fmt.Errorf("%w: %s cannot be read: it was sealed with another key than %s has; put that key back, or set %s anew", ErrKey, name, k.where(), name)
	}
	if n := aead.NonceSize(); len(s.Box) >= n {
		if plain, err := aead.Open(nil, s.Box[:n], s.Box[n:], []byte(name)); err == nil {
			return string(plain), nil
		}
	}
	return "", fmt.Errorf("%w: %s cannot be read: it is not as it was written; set it anew", ErrKey, name)
}

func (k *Key) where() string {
	if k.text != "" {
		return "the environment variable " + KeyVariable
	}
	return k.file
}

// load reads the key when it is first needed; with create it makes one if the
// file is not there.
func (k *Key) load(create bool) (cipher.AEAD, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.aead != nil {
		return k.aead, k.id, nil
	}
	text := k.text
	if text == "" {
		data, err := os.ReadFile(k.file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && create:
			if text, err = k.create(); err != nil {
				return nil, "", fmt.Errorf("%w: %s cannot be made: %w", ErrKey, k.file, err)
			}
		case errors.Is(err, fs.ErrNotExist):
			return nil, "", fmt.Errorf("%w: %s is not there: put it back from a backup, or set the secrets anew", ErrKey, k.file)
		case err != nil:
			return nil, "", fmt.Errorf("%w: %w: give hearth the right to read it, or set %s", ErrKey, err, KeyVariable)
		default:
			text = strings.TrimSpace(string(data))
		}
	}
	raw, err := decode(text)
	if err != nil || len(raw) != keySize {
		return nil, "", fmt.Errorf("%w: %s does not hold the base64 of %d bytes: write there what `openssl rand -base64 %d` makes, or put the old key back", ErrKey, k.where(), keySize, keySize)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	sum := sha256.Sum256(append([]byte("hearth settings key "), raw...))
	k.aead, k.id = aead, base64.RawURLEncoding.EncodeToString(sum[:6])
	return k.aead, k.id, nil
}

// decode takes base64 with and without padding, of either alphabet.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

// create puts a new key in place, whole or not at all, for its owner to read
// alone.
func (k *Key) create() (string, error) {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw) // never fails
	text := base64.StdEncoding.EncodeToString(raw)
	f, err := os.CreateTemp(filepath.Dir(k.file), KeyFile+".*") // with mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), k.file)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return text, err
}
