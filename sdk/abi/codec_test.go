package abi_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

// fill puts something into every field of v, at most depth structs deep.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"", "a", "slack:U1", "日本語 text", string(make([]byte, 40))}[r.IntN(5)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 127, 1 << 40, -1 << 40}[r.IntN(6)])
	case reflect.Uint64:
		v.SetUint(r.Uint64())
	case reflect.Pointer:
		if depth > 0 && r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem(), depth-1)
		}
	case reflect.Slice:
		n := r.IntN(4)
		if depth <= 0 || n == 0 {
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = r.IntN(5000)
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				e.SetUint(uint64(i % 251))
			} else {
				fill(r, e, depth-1)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i), depth)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	names := slices.Sorted(maps.Keys(wire))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "type")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		v := wire[name]()
		fill(r, reflect.ValueOf(v).Elem(), 5)
		raw, err := v.MarshalMsg(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again := wire[name]()
		if rest, err := again.UnmarshalMsg(raw); err != nil || len(rest) > 0 {
			t.Fatalf("%s: decode: %v, %d bytes left", name, err, len(rest))
		}
		second, err := again.MarshalMsg(nil)
		if err != nil || !bytes.Equal(raw, second) {
			t.Fatalf("%s: %x\nbecame %x (%v)", name, raw, second, err)
		}
	})
}

// TestReaderSkipsWhatItDoesNotKnow decodes a map with a key from the future.
func TestReaderSkipsWhatItDoesNotKnow(t *testing.T) {
	raw := msgp.AppendMapHeader(nil, 2)
	raw = msgp.AppendString(raw, "future")
	raw, _ = msgp.AppendIntf(raw, map[string]any{"a": []any{1, "b"}})
	raw = msgp.AppendString(raw, "id")
	raw = msgp.AppendString(raw, "slack:C1")
	var c abi.Conversation
	if rest, err := c.UnmarshalMsg(raw); err != nil || len(rest) > 0 || c.ID != "slack:C1" {
		t.Errorf("got %+v, %v, %d bytes left", c, err, len(rest))
	}
}

// TestClaimsAreNotBelieved decodes few bytes that claim to be many.
func TestClaimsAreNotBelieved(t *testing.T) {
	huge := []byte{0xdd, 0xff, 0xff, 0xff, 0xff} // an array of 4 Gi entries
	bin := []byte{0xc6, 0xff, 0xff, 0xff, 0xff}
	for _, c := range []struct {
		what string
		raw  []byte
		into codec
	}{
		{"effects", append([]byte{0x81, 0xa1, 'o'}, huge...), new(abi.Effects)},
		{"blocks", append([]byte{0x81, 0xa1, 'b'}, huge...), new(abi.Content)},
		{"rows", append([]byte{0x81, 0xa1, 'r'}, huge...), new(abi.Rows)},
		{"value", append([]byte{0x81, 0xa1, 'v'}, bin...), new(abi.Write)},
	} {
		if _, err := c.into.UnmarshalMsg(c.raw); !errors.Is(err, msgp.ErrLimitExceeded) {
			t.Errorf("%s: %v, want ErrLimitExceeded", c.what, err)
		}
	}
}

// FuzzDecode feeds arbitrary bytes to the codecs that read what the other side
// wrote. They may refuse it; they may not panic, nor allocate out of proportion,
// and what they accept they write and read again as the same.
func FuzzDecode(f *testing.F) {
	names := slices.Sorted(maps.Keys(wire))
	for i, name := range names {
		v := wire[name]()
		fill(rand.New(rand.NewPCG(uint64(i), 2)), reflect.ValueOf(v).Elem(), 4)
		raw, err := v.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), raw)
	}
	f.Add(byte(slices.Index(names, "Effects")), []byte{0x81, 0xa1, 'o', 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, which byte, raw []byte) {
		name := names[int(which)%len(names)]
		v := wire[name]()
		before := allocated()
		_, err := v.UnmarshalMsg(raw)
		got := allocated() - before
		// An entry of an array takes a byte on the wire and at most some 200 in
		// memory; at each level one array may claim all that its bound allows.
		if most := uint64(256*len(raw) + 32<<20); got > most {
			t.Fatalf("%s: %d bytes made it allocate %d", name, len(raw), got)
		}
		if err != nil {
			return
		}
		once, err := v.MarshalMsg(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again := wire[name]()
		if rest, err := again.UnmarshalMsg(once); err != nil || len(rest) > 0 {
			t.Fatalf("%s: %x was accepted, but not %x: %v", name, raw, once, err)
		}
		if twice, _ := again.MarshalMsg(nil); !bytes.Equal(once, twice) {
			t.Fatalf("%s: %x became %x", name, once, twice)
		}
		if e, ok := v.(*abi.Effects); ok {
			_ = e.Check()
		}
	})
}

// allocated is how many bytes were allocated up to now.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
