package gocmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Login is who is logged in, and what has been told.
type Login struct {
	Server  string    `json:"server"`
	Member  string    `json:"member"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Told    []string  `json:"told,omitempty"`
	Problem string    `json:"problem,omitempty"` // why the last could not be told
	Ended   bool      `json:"ended,omitempty"`   // the server does not take the token any more

	file string
}

// ErrNone says that nobody is logged in.
var ErrNone = errors.New("nobody is logged in: say `link go` to your community's bot, and do what it answers")

// File is where the login lies.
func File() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the directory for settings: %w", err)
	}
	return filepath.Join(dir, "hearth", "go.json"), nil
}

// maxLogin bounds the file.
const maxLogin = 64 << 10

// Load reads a login; ErrNone if there is none.
func Load(file string) (*Login, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err == nil && info.Size() > maxLogin {
		err = errors.New("it is too large to be one")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(file)
	}
	l := &Login{file: file}
	if err == nil {
		err = json.Unmarshal(data, l)
	}
	if err != nil {
		return nil, fmt.Errorf("read the login %s: %w", file, err)
	}
	if l.Server == "" || l.Token == "" {
		return nil, ErrNone
	}
	return l, nil
}

// Save writes a login to file, for its owner alone.
func (l *Login) Save(file string) error {
	l.file = file
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	t, err := os.CreateTemp(filepath.Dir(file), "go-*.json") // 0600
	if err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	_, err = t.Write(append(data, '\n'))
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), file)
	}
	if err != nil {
		_ = os.Remove(t.Name()) // what is left of it
		return fmt.Errorf("keep the login: %w", err)
	}
	return nil
}

// Delete takes a login away. That there is none is no error.
func Delete(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the login: %w", err)
	}
	return nil
}

func (l *Login) has(name string) bool { return slices.Contains(l.Told, name) }

// note keeps what became of telling something. Another call may have done so
// meanwhile, and a login been made anew: then that one counts.
func (l *Login) note(name string, err error) {
	now, bad := Load(l.file)
	if bad != nil || now.Token != l.Token {
		return
	}
	now.Problem = ""
	switch {
	case err == nil && !now.has(name):
		now.Told = append(now.Told, name)
	case errors.Is(err, ErrEnded):
		now.Ended, now.Problem = true, err.Error()
	case err != nil:
		now.Problem = err.Error()
	}
	_ = now.Save(l.file) // it is told again then, and counts once
}
