package config

import (
	"fmt"
	"log/slog"
)

// Secret is a string that shows itself to nobody who does not ask by name: to
// fmt, slog and encoders it is "[set]" or "[not set]". The zero Secret is not set.
type Secret struct{ value string }

// NewSecret returns v as a secret.
func NewSecret(v string) Secret { return Secret{v} }

// Reveal returns what is kept secret.
func (s Secret) Reveal() string { return s.value }

// Set says whether there is anything in it.
func (s Secret) Set() bool { return s.value != "" }

func (s Secret) String() string {
	if s.Set() {
		return "[set]"
	}
	return "[not set]"
}

// GoString is String: %#v tells no more.
func (s Secret) GoString() string { return s.String() }

// Format is String whatever the verb: %x would spell the value out.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText is String, for JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
