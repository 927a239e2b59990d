package web

import "github.com/hearthbot/hearth/web/page"

// What may be done on /run beside running programs, which the verifier shares
// out.
var (
	formatRate   = page.Pace{PerSecond: 2, Burst: 20}        // of an address
	shareRate    = page.Pace{PerSecond: 1.0 / 60, Burst: 10} // of an address
	shareRateAll = page.Pace{PerSecond: 1.0 / 4, Burst: 200} // of all addresses
)
