package sdk

import (
	"slices"
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// TestGroupIsShown holds Group to what results are made of: the messages of an
// invocation that asked, to the member whose variation it is.
func TestGroupIsShown(t *testing.T) {
	counted := abi.Annotation{Name: "pace", Value: "fast", Counted: true}
	tester := abi.Annotation{Name: "script", Value: "v2"}
	for _, c := range []struct {
		name    string
		handler func(*Ctx[struct{}])
		want    [][]string // of each message: what it shows
	}{
		{"nobody asked", func(c *Ctx[struct{}]) { c.DM("a") }, [][]string{nil}},
		{"asked before", func(c *Ctx[struct{}]) { c.Group("pace"); c.DM("a") }, [][]string{{"pace=fast"}}},
		{"asked behind", func(c *Ctx[struct{}]) { c.DM("a"); c.Group("pace") }, [][]string{{"pace=fast"}}},
		{"asked twice", func(c *Ctx[struct{}]) { c.Group("pace"); c.Group("pace"); c.DM("a") }, [][]string{{"pace=fast"}}},
		{"a tester's", func(c *Ctx[struct{}]) { c.Group("script"); c.DM("a") }, [][]string{nil}},
		{"both", func(c *Ctx[struct{}]) { c.Group("script"); c.Group("pace"); c.DM("a") }, [][]string{{"pace=fast"}}},
		{"no such experiment", func(c *Ctx[struct{}]) { c.Group("mood"); c.DM("a") }, [][]string{nil}},
		{"two messages, one to somebody else", func(c *Ctx[struct{}]) { c.Group("pace"); c.DM("a"); c.DMTo("web:2", "b") }, [][]string{{"pace=fast"}, nil}},
		{"an answer here, a word elsewhere", func(c *Ctx[struct{}]) { c.Group("pace"); c.Reply("a"); c.Say("web:other", "b") }, [][]string{{"pace=fast"}, nil}},
		{"nothing sent", func(c *Ctx[struct{}]) { c.Group("pace"); c.Edit("k", "a") }, nil},
	} {
		p := New[struct{}]("groups", "1.0.0").OnJoin(func(x *Ctx[struct{}]) error {
			c.handler(x)
			return nil
		})
		call := join("web:1", "Ann", "")
		call.Event.Groups = []abi.Annotation{counted, tester}
		e := p.p.Handle(call, rowsHost{})
		if e.Error != "" || e.Check() != nil {
			t.Fatalf("%s: %s %v", c.name, e.Error, e.Check())
		}
		var got [][]string
		for _, o := range e.Out {
			if o.Send == nil {
				continue
			}
			var shows []string
			for _, a := range o.Send.Shown {
				shows = append(shows, a.Name+"="+a.Value)
			}
			got = append(got, shows)
		}
		if !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: the messages show %q, want %q", c.name, got, c.want)
		}
	}
}

func TestGroupTellsTheVariation(t *testing.T) {
	var fast, script, none string
	p := New[struct{}]("groups", "1.0.0").OnJoin(func(c *Ctx[struct{}]) error {
		fast, script, none = c.Group("pace"), c.Group("script"), c.Group("mood")
		return nil
	})
	call := join("web:1", "Ann", "")
	call.Event.Groups = []abi.Annotation{{Name: "pace", Value: "fast", Counted: true}, {Name: "script", Value: "v2"}}
	if e := p.p.Handle(call, rowsHost{}); e.Error != "" {
		t.Fatal(e.Error)
	}
	if fast != "fast" || script != "v2" || none != "" {
		t.Errorf("groups are %q, %q, %q", fast, script, none)
	}
}

func TestAssignCounts(t *testing.T) {
	p := New[struct{}]("groups", "1.0.0", Middleware("assign")).OnJoin(func(c *Ctx[struct{}]) error {
		c.Assign("pace", "fast")
		c.Annotate("script", "v2")
		return nil
	})
	want := []abi.Annotation{{Name: "pace", Value: "fast", Counted: true}, {Name: "script", Value: "v2"}}
	if e := p.p.Handle(join("web:1", "Ann", ""), rowsHost{}); !slices.Equal(e.Groups, want) {
		t.Errorf("groups %+v, want %+v", e.Groups, want)
	}
}
