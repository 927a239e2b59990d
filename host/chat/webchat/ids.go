package webchat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"sync"
	"time"

	"github.com/hearthbot/hearth/store"
)

// idSource makes ids that sort by the time they were made. The zero value is
// ready. Another process may make the same one: who creates a row checks that
// there is none.
type idSource struct {
	mu   sync.Mutex
	last uint64
}

// next is 48 bits of milliseconds and 16 of sequence; never less than or the
// same as one before, even when the clock goes back.
func (s *idSource) next(now time.Time) string {
	n := uint64(now.UnixMilli()) << 16
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(n, s.last+1)
	return store.Seq(s.last)
}

// messageID is an id of a message taken apart: root, or root and reply.
type messageID struct {
	root, own string // own is "" for a root
}

func (id messageID) reply() bool { return id.own != "" }

func (id messageID) String() string {
	if id.own == "" {
		return id.root
	}
	return id.root + "-" + id.own
}

// parseID reads what String wrote.
func parseID(s string) (messageID, bool) {
	rootID, own, reply := strings.Cut(s, "-")
	if _, err := store.ParseSeq(rootID); err != nil {
		return messageID{}, false
	}
	if _, err := store.ParseSeq(own); reply && err != nil {
		return messageID{}, false
	}
	return messageID{rootID, own}, true
}

var idAlphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// newMemberID is 80 random bits.
func newMemberID() string {
	var b [10]byte
	rand.Read(b[:])
	return idAlphabet.EncodeToString(b[:])
}

// newNonce is as good as unique.
func newNonce() string { return rand.Text() }

// validNonce bounds what a browser may send as one.
func validNonce(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-') {
			return false
		}
	}
	return true
}

// botConv is the conversation of a member with the bot.
func botConv(member string) string { return "dm." + member }

// pairConv is the conversation of two members.
func pairConv(x, y string) string {
	if x > y {
		x, y = y, x
	}
	return "dm." + x + "." + y
}

// channelID is the id of the channel that is called name: the name itself where
// that can stand in an id, else a digest of it.
func channelID(name string) string {
	for i := 0; i < len(name); i++ {
		if name[i] >= 0x80 {
			sum := sha256.Sum256([]byte(name))
			return "u." + idAlphabet.EncodeToString(sum[:10])
		}
	}
	return name
}
