package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hearthbot/hearth/host/audit"
)

// Tasks is the learning path as managers see and change it: hearth's own pack
// of tasks with the community's files over it. It is safe for concurrent use.
type Tasks interface {
	// Pack is the path as members walk it now. ErrNoTasks says that there is none.
	Pack(ctx context.Context) (*TaskPack, error)

	// Review says what a change would do and what would be wrong with the pack
	// then. If run is set, the solutions and starters of tasks that would be
	// checked in another way are run, which takes a second or two for each.
	Review(ctx context.Context, c TaskChange, run bool) (*TaskReview, error)

	// Apply reviews a change, solutions and all, and makes it if nothing is wrong
	// with it. When it returns members meet the changed path. by is who asked for
	// it, for the record.
	Apply(ctx context.Context, c TaskChange, by audit.Who) (*TaskReview, error)

	// ReadZip reads a pack from a zip. Its error is for who made the zip.
	ReadZip(zip []byte) (*TaskFiles, error)

	// WriteZip writes the files of the path as it is into a zip.
	WriteZip(ctx context.Context) ([]byte, error)
}

// ErrNoTasks says that there is no learning path: the plugin is not there.
var ErrNoTasks = errors.New("there is no learning path: the plugin tasks is not installed")

// TaskPack is a learning path.
type TaskPack struct {
	Stages   []TaskStage
	Spare    []*Task // that there are files for, and that are not in the path
	Files    map[string]TaskFile
	Problems []TaskProblem // of the community's files; while there are any, hearth's own pack is in use alone
}

// TaskStage is a part of the path.
type TaskStage struct {
	ID    string
	Title map[string]string // by language: "en", "zh-CN"
	Tasks []*Task
}

// Task is a task, with everything by which an answer is checked.
type Task struct {
	ID      string
	Number  int // in the path, from 1; 0 if it is not in it
	Stage   string
	Kind    string // program, test or paste
	Tool    string
	Minutes int

	Title, Text map[string]string // by language, "en" always among them
	Hints       []map[string]string

	Starter, Solution, Tests []TaskCode
	Want, Stdin              string

	Own     bool // one of its files at least is the community's
	BuiltIn bool // hearth has a task of that name

	Started, Passed *int64 // members; nil if that is not known
}

// TaskCode is a file of a program.
type TaskCode struct{ Name, Text string }

// TaskFile is a file of the pack.
type TaskFile struct {
	Text    string
	Own     bool // it is the community's
	BuiltIn bool // hearth has one of that name
}

// TaskFiles are the files of a whole pack.
type TaskFiles struct {
	Files   map[string]string // by path
	Ignored []string          // paths of what is no part of a pack
}

// TaskChange is a change of the pack. Files are texts by path; an empty text
// takes the community's file away.
type TaskChange struct {
	Files map[string]string
	Whole bool         // Files are all there is: the community's others are taken away
	Order []StageOrder // of the path; nil leaves it as it is

	// Base says for files of which they were made what the texts were, by
	// [TaskDigest]: if one is another now, somebody was faster, and that is a
	// problem.
	Base map[string]string
}

// StageOrder is a stage and its tasks, by their ids.
type StageOrder struct {
	Stage string
	Tasks []string
}

// TaskDigest tells a file's texts apart.
func TaskDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// TaskReview says what a change does, or would do.
type TaskReview struct {
	Added    []string      `json:"added" doc:"tasks that come into the path" nullable:"false"`
	Changed  []string      `json:"changed" doc:"tasks whose texts or files change" nullable:"false"`
	Removed  []string      `json:"removed" doc:"tasks that leave the path" nullable:"false"`
	Files    []string      `json:"files" doc:"files that change" nullable:"false"`
	Problems []TaskProblem `json:"problems" doc:"what is wrong; while there is anything, nothing is changed" nullable:"false"`
	Notes    []TaskProblem `json:"notes" doc:"what is worth knowing" nullable:"false"`
	Applied  bool          `json:"applied" doc:"whether the path is now so"`
}

// TaskProblem is one thing that is wrong.
type TaskProblem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty" doc:"from 1; not there if it is none in particular"`
	Code string `json:"code" enum:"format,solution,starter,late,base,large,name,english,ignored,unready" doc:"format: what is written is not as it has to be; solution: it is not accepted; starter: it is accepted; late: there was no time to run it; base: somebody has changed it meanwhile; large, name: it is too long, or no file of a pack; english: the pack has none in Chinese; ignored: no part of a pack; unready: the compiler is not ready, nothing was run"`
	Text string `json:"text"`
}

// Where is the file and the line.
func (p *TaskProblem) Where() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return p.File
}
