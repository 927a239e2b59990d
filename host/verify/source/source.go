// Package source is a submission's text: its files, and places in them. It owns
// how files are named and read from one text, how a text that came through a
// chat is mended, and how a place is shown to a person. Of Go it knows where
// comments and strings begin and end; what the text says is for others to find
// out.
package source

// File is one file of a submission.
type File struct {
	Name string `json:"name"` // slash-separated, below the submission's root: "main.go", "stack/stack.go"
	Text string `json:"text"`
}

// Severity says how much a diagnostic matters.
type Severity string

// The severities. Only an error keeps a submission from being accepted.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note" // what was repaired, or differs here from elsewhere
)

// Diagnostic is something to say of a place in a submission.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`   // "" for the submission as a whole
	Line     int      `json:"line,omitempty"`   // from 1; 0 for a file as a whole
	Column   int      `json:"column,omitempty"` // in bytes, from 1; 0 for a line as a whole
	Code     string   `json:"code"`             // stable: "UnusedImport", "vet/printf", "screen/import", "runtime/nil_map"
	Message  string   `json:"message"`          // in English, as the Go tools say it
	Excerpt  string   `json:"excerpt,omitempty"`
	Hint     string   `json:"hint,omitempty"` // for a beginner, in their language
}
