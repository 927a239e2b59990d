package measure

// Action is a kind of thing that newcomers do in their first minutes.
type Action uint8

// The actions, in the order of the heat map.
const (
	NoAction Action = iota
	Message
	Command
	Click // a button, a link or a form
	Mention
	File
	Reaction
	Run // of code
)

// Actions is how many kinds of action there are.
const Actions = 7

// FirstMinutes is how many minutes from the join the heat map shows.
const FirstMinutes = 5

var actionNames = [...]string{"", "message", "command", "click", "mention", "file", "reaction", "run"}

// String is the action's name in the API.
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return ""
	}
	return actionNames[a]
}

// known says whether it is one of the above: another version may have more.
func (a Action) known() bool { return a >= Message && a <= Run }

// letter names an action in keys of paths.
func (a Action) letter() byte { return " mcbnfrx"[a] }

func actionOf(letter byte) Action {
	for a := Message; a <= Run; a++ {
		if a.letter() == letter {
			return a
		}
	}
	return NoAction
}
