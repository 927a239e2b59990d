package rollout

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/hearthbot/hearth/sdk/abi"
)

// maxNodes is how large an expression's tree may be. As there are no loops in it,
// this bounds the time that it takes.
const maxNodes = 100

// condition is an expression that is compiled.
type condition struct{ program *vm.Program }

// env is what an expression can speak of.
type env struct {
	Member      member            `expr:"member"`
	Label       map[string]string `expr:"label"`
	Channel     string            `expr:"channel"`
	ChannelName string            `expr:"channel_name"`
	Platform    string            `expr:"platform"`
	Locale      string            `expr:"locale"`
	Kind        string            `expr:"kind"`
}

type member struct {
	ID       string `expr:"id"`
	Name     string `expr:"name"`
	Locale   string `expr:"locale"`
	TimeZone string `expr:"time_zone"`
	Bot      bool   `expr:"bot"`
	Guest    bool   `expr:"guest"`
	Joined   int64  `expr:"joined"`
}

func newEnv(ev *abi.Event) env {
	m := &ev.Member
	id := ev.Conversation.ID
	if id == "" {
		id = m.ID
	}
	e := env{Member: member{m.ID, m.Name, m.Locale, m.TimeZone, m.Bot, m.Guest, m.JoinedAt},
		Channel: ev.Conversation.ID, ChannelName: ev.Conversation.Name, Platform: abi.Platform(id), Locale: m.Locale, Kind: string(ev.Kind)}
	e.Label = map[string]string{"platform": e.Platform, "channel": e.Channel, "locale": e.Locale, "kind": e.Kind,
		"time_zone": m.TimeZone, "bot": strconv.FormatBool(m.Bot), "guest": strconv.FormatBool(m.Guest)}
	for _, g := range ev.Groups {
		e.Label[g.Name] = g.Value
	}
	return e
}

// compile makes a condition of an expression, or says where it is wrong.
func compile(text string) (condition, error) {
	long, isShort := spell(text)
	loops := &loopFinder{}
	p, err := expr.Compile(long, expr.Env(env{}), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(),
		expr.EnableBuiltin("lower"), expr.EnableBuiltin("upper"), expr.EnableBuiltin("trim"), expr.EnableBuiltin("len"),
		expr.Patch(loops), expr.Optimize(false)) // which would make a range in advance
	if err == nil && loops.found != nil {
		err = (&file.Error{Location: loops.found.Location(), Message: "there are no loops and no ranges: they could be of any length"}).Bind(file.NewSource(long))
	}
	if err == nil {
		return condition{p}, nil
	}
	var at *file.Error
	if !errors.As(err, &at) {
		return condition{}, fmt.Errorf("%.200q: %s", text, firstLine(err.Error()))
	}
	what := firstLine(at.Message)
	if isShort || at.Line == 0 {
		return condition{}, fmt.Errorf("%.200q: %s", text, what)
	}
	return condition{}, fmt.Errorf("%.200q: line %d, column %d: %s", text, at.Line, at.Column+1, what)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// short is NAME==VALUE with a bare word for the value. A quoted value is short
// too where the name has a hyphen, which would else be a subtraction.
var short = regexp.MustCompile(`^\s*(?:([A-Za-z][A-Za-z0-9_-]*)\s*(==|!=)\s*([\pL\pN_][\pL\pN_.:+@-]*)|([A-Za-z][A-Za-z0-9_]*-[A-Za-z0-9_-]*)\s*(==|!=)\s*"([^"\\]*)")\s*$`)

// spell writes the short form out. Anything else is what it is.
func spell(text string) (long string, isShort bool) {
	var out []string
	for part := range strings.SplitSeq(text, "&&") {
		m := short.FindStringSubmatch(part)
		if m == nil {
			return text, false
		}
		if m[1] == "" {
			m = m[3:]
		}
		out = append(out, fmt.Sprintf("label[%q] %s %q", m[1], m[2], m[3]))
	}
	return strings.Join(out, " && "), true
}

// loopFinder finds what could take longer than the expression is large.
type loopFinder struct{ found ast.Node }

// Visit implements ast.Visitor.
func (f *loopFinder) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.BinaryNode:
		if n.Operator == ".." {
			f.found = n
		}
	case *ast.PredicateNode:
		f.found = n
	}
}

// holds says whether the condition is true of an event.
func (c condition) holds(e env) bool {
	out, err := expr.Run(c.program, e)
	if err != nil {
		return false
	}
	yes, _ := out.(bool)
	return yes
}
