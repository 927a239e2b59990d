package sdktest

import (
	"bytes"
	"os"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/sdktest/tape"
)

// cassette writes down what a plugin is called with and answers, for whoever
// plays it again elsewhere: `hearth plugin test` does, to the plugin in its
// sandbox. It does nothing but under [tape.Variable].
type cassette struct {
	tape  *tape.Writer
	known map[string][]byte // rows, as the tape has them
	above int               // lines of the file above the transcript
	at    int               // line of the file that happens
	doing string            // that line
}

// record begins the tape of a transcript.
func (b *Bot) record(file string) {
	b.t.Helper()
	dir := os.Getenv(tape.Variable)
	if dir == "" || file == "" {
		return
	}
	w, err := tape.Create(dir, tape.Head{Transcript: file, Plugin: b.manifest.Name})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tape, b.known = w, map[string][]byte{}
	b.t.Cleanup(func() {
		if err := w.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

// keep adds a step that ran on the rows as they are now.
func (b *Bot) keep(s tape.Step) {
	if b.tape == nil {
		return
	}
	s.Line, s.Input = b.at, b.doing
	s.Rows = map[string][]byte{}
	for key, value := range b.rows {
		if old, ok := b.known[key]; !ok || !bytes.Equal(old, value) {
			b.known[key] = append([]byte{}, value...) // never nil
			s.Rows[key] = b.known[key]
		}
	}
	for key := range b.known {
		if _, ok := b.rows[key]; !ok {
			delete(b.known, key)
			s.Rows[key] = nil
		}
	}
	b.tape.Add(s)
}

func (b *Bot) keepSetup(setup *abi.Setup) {
	b.t.Helper()
	if b.tape == nil {
		return
	}
	raw, err := setup.MarshalMsg(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(tape.Step{Setup: raw})
}

func (b *Bot) keepQuery(q *abi.Query, v *abi.View) {
	b.t.Helper()
	if b.tape == nil {
		return
	}
	ask, err := q.MarshalMsg(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := v.MarshalMsg(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(tape.Step{Query: ask, View: answer})
}
