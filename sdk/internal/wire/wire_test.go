package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

var (
	calls   = Of[abi.Call]()
	effects = Of[abi.Effects]()
)

// fill puts something into many fields of v.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"", "a", "slack:U1", "日本語 text", string(make([]byte, 31)), string(make([]byte, 32)),
			string(make([]byte, 255)), string(make([]byte, 256)), string(make([]byte, 1<<16))}[r.IntN(8+r.IntN(8)/7)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64) * int64(r.IntN(2)))
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Pointer:
		if r.IntN(3) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		n := []int{0, 0, 1, 2, 15, 16, 17}[r.IntN(7)]
		if r.IntN(3) == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				e.SetUint(uint64(i))
			} else {
				fill(r, e)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	}
}

// TestAppendAsGenerated writes what the generated codecs write.
func TestAppendAsGenerated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var e abi.Effects
		fill(r, reflect.ValueOf(&e).Elem())
		want, err := e.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := effects.Append(nil, &e); !bytes.Equal(got, want) {
			t.Fatalf("%+v:\n%x, want\n%x", e, got, want)
		}
		var c abi.Call
		fill(r, reflect.ValueOf(&c).Elem())
		if want, err = c.MarshalMsg(nil); err != nil {
			t.Fatal(err)
		}
		if got := calls.Append(nil, &c); !bytes.Equal(got, want) {
			t.Fatalf("%+v:\n%x, want\n%x", c, got, want)
		}
	})
}

// TestDecodeKnowsWhatHostsWrite: short of texts and notes of 64 KiB, which the
// generated codec is welcome to.
func TestDecodeKnowsWhatHostsWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c, got abi.Call
		fill(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2)), reflect.ValueOf(&c).Elem())
		raw, err := c.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		known := calls.Decode(string(raw), &got)
		if known != !bytes.Contains(raw, []byte("\xdb\x00\x01\x00\x00")) {
			t.Fatalf("known: %v\n%x", known, raw)
		}
		agree(t, raw)
	})
}

// agree fails if Decode accepts what the generated codec does not, or sees
// something else in it.
func agree(t interface{ Fatalf(string, ...any) }, raw []byte) {
	var got, want abi.Call
	if !calls.Decode(string(raw), &got) {
		return
	}
	rest, err := want.UnmarshalMsg(raw)
	if err != nil || len(rest) > 0 || !reflect.DeepEqual(got, want) {
		t.Fatalf("%x:\n%+v, want\n%+v, %v, %d bytes left", raw, got, want, err, len(rest))
	}
}

// FuzzDecode: what Decode accepts it sees as the generated codec does.
func FuzzDecode(f *testing.F) {
	for i := range uint64(8) {
		var c abi.Call
		fill(rand.New(rand.NewPCG(i, 3)), reflect.ValueOf(&c).Elem())
		raw, err := c.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) < 8<<10 {
			f.Add(raw)
		}
	}
	now := func(number ...byte) []byte { return append([]byte("\x81\xa3now"), number...) }
	f.Add(now(0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0)) // more than an int64
	f.Add(now(0xd1, 0xff, 0))
	f.Add(append([]byte("\x81\xa4seed"), 0xd0, 0xff))                             // less than a uint64
	f.Add([]byte("\x82\xa3now\x01\xa3now\x02"))                                   // twice
	f.Add([]byte("\x81\xa5event\x81\xa6groups\xdc\xff\xff"))                      // more than there is
	f.Add(append([]byte("\x81\xa5event\x81\xa7message"), msgp.AppendNil(nil)...)) // no message
	f.Fuzz(func(t *testing.T, raw []byte) { agree(t, raw) })
}

func BenchmarkCall(b *testing.B) {
	raw, err := (&abi.Call{Now: 1_760_000_000_100, Seed: 7, Event: abi.Event{
		ID: "Ev0123456789", Source: "slack", Kind: abi.MemberJoined, Time: 1_760_000_000_000,
		Conversation: abi.Conversation{ID: "slack:C024BE91L", Kind: abi.Channel, Name: "general"},
		Member:       abi.Member{ID: "slack:U2147483697", Name: "Ada", Locale: "en", TimeZone: "Europe/London"},
	}}).MarshalMsg(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("wire", func(b *testing.B) {
		for b.Loop() {
			var c abi.Call
			if !calls.Decode(string(raw), &c) {
				b.Fatal("not known")
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		for b.Loop() {
			var c abi.Call
			if _, err := c.UnmarshalMsg(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
