package host

//go:generate go tool msgp -unexported -io=false -tests=false -file measuringrow.go -o measuringrow_gen.go

//msgp:limit arrays:65536 maps:16

// measuringRow says by which definitions members are measured, and where the
// community's days began and begin.
type measuringRow struct {
	Began      int64     `msg:"t"` // Unix milliseconds; nothing was measured before
	Generation int       `msg:"g"` // of the definitions, see measure.Config
	Version    string    `msg:"v"` // of the definitions, as package measure names them
	Zones      []zoneRow `msg:"z"` // one after the other
}

// zoneRow is a time zone of the community.
type zoneRow struct {
	From int64  `msg:"f,omitempty"` // Unix milliseconds; 0 for always
	Name string `msg:"n"`           // IANA
}

// countingRow says that members' rows are being counted by new definitions, and
// how far that has come.
type countingRow struct {
	Version string `msg:"v"`           // of those definitions
	Began   int64  `msg:"t"`           // Unix milliseconds
	From    string `msg:"f,omitempty"` // key at which it goes on
	Done    int    `msg:"n,omitempty"` // rows looked at
}
