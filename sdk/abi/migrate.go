package abi

//msgp:limit arrays:65536 maps:256

import "fmt"

// A plugin's rows have a state version, which its manifest names. When a version
// of the plugin is to be made live whose state version is another, the host
// first makes a copy of the rows, a page at a time, through migrate:
//
//	{from: 1, to: 2, rows: [a, b, c]}  ─► migrate ─►  {r: [[a'], [], [c1, c2]]}
//
// The plugin goes on meanwhile. Rows that change are migrated again, and what
// they became before is taken back; so what a row becomes depends on that row
// alone, and no two rows become the same one.

// Step is a way from one state version to another.
type Step struct {
	From int `msg:"from"`
	To   int `msg:"to"`
}

// Migration asks what rows of one state version become in another.
type Migration struct {
	From int    `msg:"from"`
	To   int    `msg:"to"`
	Rows []Pair `msg:"rows,limit=65536"` // at most MaxScan, in any order
}

// Migrated answers a Migration. If Error is set nothing else counts.
type Migrated struct {
	Rows  [][]Pair `msg:"r"`             // what each row of the Migration has become, in their order: none, itself, or others; at most MaxWrites in all
	Error string   `msg:"err,omitempty"` // why it cannot be done
}

// State is the version of the plugin's rows: 1 for a plugin that says nothing of
// it.
func (m *Manifest) State() int { return max(m.StateVersion, 1) }

// Knows says whether the plugin can bring rows from one state version to
// another.
func (m *Manifest) Knows(from, to int) bool {
	for _, s := range m.Migrates {
		if s.From == from && s.To == to {
			return true
		}
	}
	return false
}

// Check says in what the answer to a migration of n rows is beyond a bound or
// malformed. It does not look at Error.
func (m *Migrated) Check(n int) error {
	if len(m.Rows) != n {
		return fmt.Errorf("%d rows were to be migrated, the answer is about %d", n, len(m.Rows))
	}
	made := map[string]bool{}
	for _, rows := range m.Rows {
		for i := range rows {
			r := &rows[i]
			switch err := CheckKey(r.Key); {
			case err != nil:
				return err
			case made[r.Key]:
				return fmt.Errorf("row %s is made twice", r.Key)
			case len(r.Value) > MaxValue:
				return fmt.Errorf("the value of %s has %d bytes, at most %d", r.Key, len(r.Value), MaxValue)
			}
			made[r.Key] = true
		}
	}
	if len(made) > MaxWrites {
		return fmt.Errorf("%d rows are made in one step, at most %d", len(made), MaxWrites)
	}
	return nil
}
