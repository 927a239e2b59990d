package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Describe makes the manifest of what the plugin registered, or says all that
// is wrong with the declaration.
func (p *plugin) Describe() (abi.Manifest, error) {
	m := p.manifest
	faults := slices.Concat(p.faults, unkept)
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !isName(m.Name) {
		fault("the name %q is not of the form %s", m.Name, nameForm)
	}
	if !isVersion(m.Version) {
		fault("the version %q is no semantic version such as 1.0.0", m.Version)
	}
	texts, err := loadTexts(p.files)
	if err != nil {
		faults = append(faults, err)
		texts = &catalogue{}
	}
	m.Texts = texts.defs()
	for _, n := range m.Needs {
		if said := m.Reason(n).In("en"); said != n.Reason {
			fault("why it asks for %s is %q in the code, and %q in the text can.%s: say the same", n.Cap, n.Reason, said, n.Cap)
		}
	}
	if m.About == nil {
		m.About = texts.localized("about")
	}
	if m.Schema, err = p.config.schema(texts); err != nil {
		faults = append(faults, err)
	} else if m.Defaults, err = p.config.defaults(); err != nil {
		faults = append(faults, err)
	}
	m.Commands = slices.Clone(m.Commands)
	for i := range m.Commands {
		c := &m.Commands[i]
		if !isName(c.Name) {
			fault("the command %q is not of the form %s", c.Name, nameForm)
		}
		if c.Help == nil {
			c.Help = texts.localized("command." + c.Name)
		}
		if c.Args == nil {
			c.Args = texts.localized("command." + c.Name + ".args")
		}
		if c.Help == nil {
			fault("the command %q has no help: write the text command.%s, or give OnCommand a Help", c.Name, c.Name)
		}
		for _, other := range m.Commands[:i] {
			if other.Name == c.Name {
				fault("the command %q is registered twice", c.Name)
			}
		}
	}
	if m.Migrates, err = p.ways(); err != nil {
		faults = append(faults, err)
	}
	p.subscribe(&m)
	if len(m.Schedules) > 0 && !slices.ContainsFunc(m.Needs, func(n abi.Need) bool { return n.Cap == abi.CapTimers }) {
		fault("there are schedules but no CanTimers")
	}
	if len(m.Examples) > abi.MaxExamples {
		fault("there are %d examples, at most %d", len(m.Examples), abi.MaxExamples)
	}
	if len(p.queries) > 0 {
		for _, q := range p.queries {
			if len(q.path) == 0 || q.path[0] != '/' {
				fault("the query %q does not begin with /", q.path)
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return abi.Manifest{}, fmt.Errorf("plugin %s: %w", m.Name, err)
	}
	return m, nil
}

// subscribe lists the kinds of event that some handler wants. Of messages the
// plugin sees only those that a handler would.
func (p *plugin) subscribe(m *abi.Manifest) {
	all := false // messages
	for i := range p.routes {
		r := &p.routes[i]
		if !slices.Contains(m.Events, r.kind) {
			m.Events = append(m.Events, r.kind)
		}
		if r.kind == abi.MessagePosted {
			all = all || !r.addressed && len(r.words) == 0
			m.Keywords = append(m.Keywords, r.words...)
		}
	}
	if all {
		m.Keywords = nil
	}
	m.Addressed = !all && slices.Contains(m.Events, abi.MessagePosted)
}

// nameForm is what the names of plugins and commands look like.
const nameForm = "[a-z][a-z0-9-]{0,31}"

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !('a' <= c && c <= 'z') && (i == 0 || c != '-' && !('0' <= c && c <= '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// isVersion says whether s is a semantic version: three numbers, and what may
// follow them behind "-" or "+".
func isVersion(s string) bool {
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	numbers := strings.Split(core, ".")
	for _, n := range numbers {
		if v, err := strconv.ParseUint(n, 10, 32); err != nil || strconv.FormatUint(v, 10) != n {
			return false
		}
	}
	return len(numbers) == 3
}
