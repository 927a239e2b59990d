package host

//go:generate go tool msgp -unexported -io=false -tests=false -file spacerow.go -o spacerow_gen.go

//msgp:limit arrays:65536 maps:256

// spaceRow says where a plugin's rows are.
type spaceRow struct {
	Space  string   `msg:"s"`            // "" only while the plugin has none
	State  int      `msg:"v"`            // state version of the rows in it
	Count  int      `msg:"n,omitempty"`  // spaces that there have been, for the next one's name
	Making string   `msg:"mk,omitempty"` // a space that a migration fills
	Erase  []string `msg:"er,omitempty"` // spaces that are not needed any more
}

// movedRow says what a row has become in a space that a migration fills. Nothing
// is written for itself.
type movedRow struct {
	To []string `msg:"t,omitempty"`
	Is bool     `msg:"is,omitempty"` // it has become what To says, and not itself
}
