package host

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

func TestTraces(t *testing.T) {
	tr := newTraces(&forgetRow{ID: "chat:u1/$a", Places: []string{"chat:dm-7"}, Marks: []string{"qk7wm2"}, Names: []string{"Ada", "小梅", "Al"}})
	packed := func(s string) string {
		b, err := (&abi.Event{ID: "1", Member: abi.Member{ID: s}, Source: "0"}).MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for text, want := range map[string]bool{
		"chat:u1/$a":                 true,
		"x/chat:u1%2f%24a/y":         true,  // as a store's key has it
		"m/chat:u1%2f$a/likes":       true,  // as a plugin's key has it
		"chat:u1/$ab":                false, // somebody else, with a longer id
		"chat:u1/$a-2":               false,
		"<@chat:u1/$a> hello":        true,
		"chat:dm-7":                  true,
		"chat:dm-77":                 false,
		"chat:dm.qk7wm2":             true,
		"aqk7wm2":                    false,
		"qk7wm2-nonce":               true,
		packed("chat:u1/$a"):         true,
		packed("chat:somebody else"): false,
		"Ada":                        false, // a name is looked for in evidence alone
		"":                           false,
		"\"chat:u1/$a\",\"chat:u2\"": true,
	} {
		if got := tr.in([]byte(text)); got != want {
			t.Errorf("in(%q) = %v, want %v", text, got, want)
		}
		blurred, found := tr.blur([]byte(text))
		if len(blurred) != len(text) || tr.in(blurred) || found != want {
			t.Errorf("blur(%q) = %q, %v", text, blurred, found)
		}
	}
	for text, want := range map[string]bool{"hello Ada!": true, "Adam and Adagio": false, "cAda": false, "欢迎小梅来": true, "Al": false} {
		if got := tr.called([]byte(text)); got != want {
			t.Errorf("called(%q) = %v, want %v", text, got, want)
		}
	}
}
