package host

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// traces finds a person in rows, whatever their encoding: ids, names and texts
// stand in all of them byte for byte.
type traces struct {
	ids   [][]byte // with their platform, in every form that a key gives them
	marks [][]byte // what a platform's own ids are made of for this member
	names [][]byte // what they are called; for evidence only, as others are called so too
}

// shortName is below how many bytes a name is not looked for: it would be found
// in anything.
const shortName = 3

func newTraces(f *forgetRow) *traces {
	t := &traces{}
	for _, id := range append([]string{f.ID}, f.Places...) {
		escaped := abi.KeySegment(id)
		for _, form := range []string{id, escaped, string(store.Join(id)), string(store.Join(escaped))} {
			t.ids = addForm(t.ids, form)
		}
	}
	for _, m := range f.Marks {
		t.marks = addForm(t.marks, m)
	}
	for _, n := range f.Names {
		if len(n) >= shortName {
			t.names = addForm(t.names, n)
		}
	}
	return t
}

func addForm(list [][]byte, form string) [][]byte {
	if form == "" || slices.ContainsFunc(list, func(b []byte) bool { return string(b) == form }) {
		return list
	}
	return append(list, []byte(form))
}

// in says whether b names the person by an id.
func (t *traces) in(b []byte) bool {
	return slices.ContainsFunc(t.ids, func(id []byte) bool { return find(b, id, false, idByte) >= 0 }) ||
		slices.ContainsFunc(t.marks, func(m []byte) bool { return find(b, m, true, wordByte) >= 0 })
}

// traces are an [audit.Person].
var _ audit.Person = (*traces)(nil)

// In implements audit.Person.
func (t *traces) In(b []byte) bool { return t.in(b) }

// Is implements audit.Person.
func (t *traces) Is(s string) bool {
	return slices.ContainsFunc(t.ids, func(id []byte) bool { return string(id) == s }) ||
		slices.ContainsFunc(t.marks, func(m []byte) bool { return string(m) == s })
}

// Blur implements audit.Person.
func (t *traces) Blur(b []byte) []byte {
	out, _ := t.blur(b)
	return out
}

func (t *traces) inKey(k store.Key) bool { return t.in([]byte(k)) }

// row says whether a row names the person by an id.
func (t *traces) row(r store.Row) bool { return t.inKey(r.Key) || t.in(r.Value) }

// called says whether b has the person's name as a word.
func (t *traces) called(b []byte) bool {
	return slices.ContainsFunc(t.names, func(n []byte) bool {
		// Words of languages without spaces have no ends to look for.
		if r, _ := utf8.DecodeRune(n); r >= utf8.RuneSelf {
			return bytes.Contains(b, n)
		}
		return find(b, n, true, wordByte) >= 0
	})
}

// find is where b has what, not followed by a byte that would make it another,
// longer one; nor, if both is set, preceded by such. Before an id may stand the
// length of its text, which is any byte. -1 says nowhere.
func find(b, what []byte, both bool, part func(byte) bool) int {
	for at := 0; ; {
		i := bytes.Index(b[at:], what)
		if i < 0 {
			return -1
		}
		i += at
		end := i + len(what)
		if (end == len(b) || !part(b[end])) && (!both || i == 0 || !part(b[i-1])) {
			return i
		}
		at = i + 1
	}
}

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// idByte is wordByte and what platforms have in their ids between words.
func idByte(c byte) bool { return wordByte(c) || c == '-' || c == '_' }

// blur puts as many letters in the place of each id in b, so that whatever
// encoding b has it stays whole. It says whether there was one.
func (t *traces) blur(b []byte) (out []byte, found bool) {
	out = b
	over := func(what []byte, both bool, part func(byte) bool) {
		filler := bytes.Repeat([]byte("x"), len(what))
		if platform, _, ok := bytes.Cut(what, []byte(":")); ok {
			copy(filler, what[:len(platform)+1])
		}
		for {
			i := find(out, what, both, part)
			if i < 0 {
				return
			}
			if !found {
				out, found = slices.Clone(b), true
			}
			copy(out[i:], filler)
		}
	}
	for _, id := range t.ids {
		over(id, false, idByte)
	}
	for _, m := range t.marks {
		over(m, true, wordByte)
	}
	return out, found
}
