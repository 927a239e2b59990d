package members

import (
	"slices"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Firsts are what a member does for the first time once only, however often and
// by whichever way it is told. Their place in the list is their bit in a
// [Profile]: new ones go to its end, and there are at most eight.
var Firsts = []string{
	"go_run_first_time",      // a program of theirs was compiled and ran
	"go_mod_init_success",    // they made a module
	"go_import_resolve_fail", // a package that they import was not found
}

// First is the bit of what an event tells to be done for the first time, 0 if it
// is no such event.
func First(e *abi.Event) uint8 {
	if e.Kind != abi.CustomTracked || e.Custom == nil {
		return 0
	}
	i := slices.Index(Firsts, e.Custom.Name)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// Did says whether they have done what a bit of [First] stands for.
func (p *Profile) Did(first uint8) bool { return p.Firsts&first != 0 }
