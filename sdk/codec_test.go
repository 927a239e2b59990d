package sdk

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/hearthbot/hearth/sdk/abi"
)

type level int8

type tree struct {
	Name  string             `json:"name"`
	Level level              `json:"level,omitempty"`
	At    time.Time          `json:"at"`
	For   time.Duration      `json:"for"`
	Tags  []string           `json:"tags"`
	By    map[string]float64 `json:"by"`
	Raw   []byte             `json:"raw"`
	Left  *tree              `json:"left"`
	Right *tree              `json:"right"`
	Addr  netip.Addr         `json:"addr"` // has a text form of its own
	Any   any                `json:"any"`
	Pair  abi.Pair           `json:"pair"` // has a generated codec
	Skip  string             `json:"-"`
}

func roundTrip[T any](t *testing.T, v T) []byte {
	t.Helper()
	b, err := Encode(v)
	if err != nil {
		t.Fatalf("encode %+v: %v", v, err)
	}
	got, err := Decode[T](b)
	if err != nil {
		t.Fatalf("decode %x: %v", b, err)
	}
	if !reflect.DeepEqual(got, v) {
		t.Fatalf("%+v became %+v", v, got)
	}
	return b
}

func TestCodecRoundTrip(t *testing.T) {
	roundTrip(t, "text")
	roundTrip(t, []byte{1, 2})
	roundTrip(t, true)
	roundTrip(t, -7)
	roundTrip(t, int64(1)<<60)
	roundTrip(t, uint64(1)<<63)
	roundTrip(t, level(-3))
	roundTrip(t, 2.5)
	roundTrip(t, 90*time.Second)
	roundTrip(t, time.Date(2024, 6, 3, 9, 0, 0, 123, time.UTC))
	roundTrip(t, []string{"a", "", "b"})
	roundTrip(t, map[string][]int{"a": {1}, "b": nil, "c": {}}["a"])
	roundTrip(t, abi.Member{ID: "web:1", Name: "Ann"})
	roundTrip(t, &abi.Member{ID: "web:1"})
	roundTrip(t, (*tree)(nil))
	roundTrip(t, struct{}{})
	b := roundTrip(t, tree{
		Name: "root", Level: 2, At: time.Unix(1717405200, 5).UTC(), For: time.Hour, Tags: []string{}, By: map[string]float64{"b": 1, "a": 2},
		Raw: []byte("raw"), Left: &tree{Name: "leaf"}, Addr: netip.MustParseAddr("192.0.2.1"), Any: "x", Pair: abi.Pair{Key: "k", Value: []byte("v")}})
	if s := string(b); strings.Contains(s, "right") || !strings.Contains(s, "leaf") {
		t.Errorf("what is zero is written, or what is not is left out: %q", s)
	}
	if rest, err := msgp.Skip(b); err != nil || len(rest) > 0 {
		t.Errorf("it is no MessagePack: %v", err)
	}
}

func TestCodecProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := tree{
			Name:  rapid.String().Draw(t, "name"),
			Level: level(rapid.Int8().Draw(t, "level")),
			For:   time.Duration(rapid.Int64().Draw(t, "for")),
			Tags:  rapid.SliceOf(rapid.String()).Draw(t, "tags"),
			By:    rapid.MapOf(rapid.String(), rapid.Float64()).Draw(t, "by"),
		}
		one, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		two, err := Encode(v)
		if err != nil || string(one) != string(two) {
			t.Fatalf("not the same twice: %x, %x, %v", one, two, err)
		}
		got, err := Decode[tree](one)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, v) {
			t.Fatalf("%+v became %+v", v, got)
		}
	})
}

// TestCodecTakesOtherVersions reads what a version with other fields wrote.
func TestCodecTakesOtherVersions(t *testing.T) {
	type old struct {
		Name string
		Gone []map[string]int
	}
	type new struct {
		Name  string
		Fresh int
	}
	b, err := Encode(old{Name: "x", Gone: []map[string]int{{"a": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Decode[new](b); err != nil || v != (new{Name: "x"}) {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCodecErrors(t *testing.T) {
	if _, err := Encode(struct{ C chan int }{}); err == nil || !strings.Contains(err.Error(), "C: a chan int cannot be kept") {
		t.Errorf("a channel: %v", err)
	}
	type closed struct{ x int }
	if _, err := Encode(closed{1}); err == nil || !strings.Contains(err.Error(), "has no exported fields") {
		t.Errorf("no exported fields: %v", err)
	}
	if _, err := Encode(map[int]string{}); err == nil {
		t.Error("a map from int was encoded")
	}
	if _, err := Encode[any](json.RawMessage("{")); err == nil {
		t.Error("broken JSON was encoded")
	}
	text, _ := Encode("text")
	if _, err := Decode[int](text); err == nil || !strings.Contains(err.Error(), "decode int") {
		t.Errorf("a text as a number: %v", err)
	}
	if _, err := Decode[tree](append(text, 0)); err == nil {
		t.Error("a text as a struct")
	}
	if _, err := Decode[string](append(text, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes follow") {
		t.Errorf("something behind it: %v", err)
	}
	big, _ := Encode(300)
	if _, err := Decode[level](big); err == nil || !strings.Contains(err.Error(), "300 does not fit") {
		t.Errorf("300 as an int8: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := Encode(tree{Name: "x", Tags: []string{"a"}, By: map[string]float64{"a": 1}, Left: &tree{}})
	f.Add(b)
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Decode[tree](raw)
		if err != nil {
			return
		}
		if _, err := Encode(v); err != nil {
			t.Fatalf("%x was decoded, but not encoded again: %v", raw, err)
		}
	})
}

type keptRow struct {
	Since time.Time
	IDs   []string
	More  int
}

func BenchmarkEncode(b *testing.B) {
	v := keptRow{Since: time.Unix(1717405200, 0), IDs: []string{"web:1", "web:2", "web:3"}, More: 2}
	b.Run("hearth", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			raw, _ := Encode(v)
			_, _ = Decode[keptRow](raw)
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			raw, _ := json.Marshal(v)
			var got keptRow
			_ = json.Unmarshal(raw, &got)
		}
	})
}
