package main

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/hearthbot/hearth/sdk"
)

// Rows that an earlier version wrote by the SDK's own codec are those that are
// written now.
func TestRowsAsBefore(t *testing.T) {
	type react struct {
		Name string `json:"n"`
		By   int    `json:"by"`
	}
	type reply struct {
		ID     string  `json:"id"`
		By     int     `json:"by"`
		At     int64   `json:"at"`
		Text   string  `json:"t,omitempty"`
		Reacts []react `json:"e,omitempty"`
	}
	type person struct {
		ID   string `json:"id,omitempty"`
		Name string `json:"n,omitempty"`
	}
	type before struct {
		Channel string   `json:"ch,omitempty"`
		At      int64    `json:"at"`
		Text    string   `json:"t"`
		People  []person `json:"p"`
		Replies []reply  `json:"r,omitempty"`
		Auto    uint32   `json:"auto,omitempty"`
	}
	old := before{Channel: "help", At: 1_772_355_600, Text: "how?", People: []person{{"fake:u1", "Ann"}, {ID: "fake:u2"}}, Auto: 7,
		Replies: []reply{{ID: "m2", By: -1, At: 1_772_355_700, Text: "so"}, {ID: "m3", By: 1, Reacts: []react{{"+1", 0}, {"x", -1}}}}}
	want, err := sdk.Encode(old)
	if err != nil {
		t.Fatal(err)
	}
	var now thread
	if _, err := now.UnmarshalMsg(want); err != nil {
		t.Fatal(err)
	}
	got, err := now.MarshalMsg(nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; it was %x", got, err, want)
	}
	if fmt.Sprint(now) != fmt.Sprint(old) {
		t.Errorf("%v; it was %v", now, old)
	}
}

// What is pending is read as it was written, alone and as a whole.
func TestPendingLines(t *testing.T) {
	all := []line{
		{Op: opAsk, ID: "m1", At: 5, Title: "how?", Terms: []byte{1, 2, 3, 4}, Han: true},
		{Op: opChanged, ID: "m1"},
		{Op: "split", Topic: 3, With: 4, Items: []uint32{1, 2}, Text: "t", URL: "u", By: "b", Place: "p", Message: "m"},
	}
	var one lines
	for _, l := range all {
		one, _ = one.with(l)
	}
	if again, added := one.with(all[1]); added || !bytes.Equal(again, one) {
		t.Error("the same is pending twice")
	}
	if got := linesOf(all); !bytes.Equal(got, one) {
		t.Errorf("%x one by one, %x together", []byte(one), []byte(got))
	}
	if got := one.all(); !reflect.DeepEqual(got, all) {
		t.Errorf("%+v, want %+v", got, all)
	}
}

func TestChunkKey(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 99, 100, 123_456, 999_999, 1_000_000, 12_345_678} {
		if got, want := chunkKey("fake:c", n), fmt.Sprintf("fake:c %07d", n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The lane's row and the names of conversations, too, are as the SDK's codec
// writes them.
func TestLaneRowsAsBefore(t *testing.T) {
	type before struct {
		Seq     uint64   `json:"seq,omitempty"`
		Base    uint64   `json:"base,omitempty"`
		Rows    int      `json:"rows,omitempty"`
		Bytes   int      `json:"bytes,omitempty"`
		Part    int      `json:"part,omitempty"`
		Sizes   []int    `json:"sizes,omitempty"`
		Held    bool     `json:"held,omitempty"`
		Review  []string `json:"review,omitempty"`
		Touched []uint32 `json:"touched,omitempty"`
		Fresh   []string `json:"fresh,omitempty"`
		Trash   []string `json:"trash,omitempty"`
	}
	for _, old := range []before{
		{},
		{Seq: 1 << 40, Base: 7, Rows: 80, Bytes: 70_000, Part: 3, Sizes: []int{0, 190_000}, Held: true,
			Review: []string{"fake:c1 m1", "#3 4"}, Touched: []uint32{1, 70_000}, Fresh: []string{"2024-06-03.day"}, Trash: []string{"fake:c1 m2"}},
		{Seq: 2, Review: []string{}, Fresh: []string{}}, // as an earlier version left what had been emptied
	} {
		was, err := sdk.Encode(old)
		if err != nil {
			t.Fatal(err)
		}
		now, err := sdk.Decode[laneRow](was)
		if err != nil {
			t.Fatal(err)
		}
		if len(old.Review) == 0 {
			old.Review, old.Fresh = nil, nil
		}
		want, _ := sdk.Encode(old)
		if got, err := sdk.Encode(now); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, %v; it was %x", got, err, want)
		}
	}
	for _, old := range []map[string]string{{}, {"fake:c2": "-quiet", "fake:c1": "+help", "fake:c10": "+"}} {
		want, err := sdk.Encode(old)
		if err != nil {
			t.Fatal(err)
		}
		now, err := sdk.Decode[namesRow](want)
		if got, again := sdk.Encode(now); err != nil || again != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, %v, %v; it was %x", got, err, again, want)
		}
	}
	if _, err := sdk.Decode[namesRow]([]byte{0xdf, 0xff, 0xff, 0xff, 0xff}); err == nil {
		t.Error("four thousand million names in no bytes are none")
	}
}
