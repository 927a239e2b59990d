package webchat

// emoji are the reactions members can choose, by the short names that platforms
// share. The order of picks is the order in which they are offered.
var emoji = map[string]string{
	"+1": "👍", "heart": "❤️", "tada": "🎉", "joy": "😂", "runner": "🏃", "eyes": "👀", "rocket": "🚀", "pray": "🙏",
	"white_check_mark": "✅", "thinking_face": "🤔", "fire": "🔥", "clap": "👏",
	"wave": "👋", "bulb": "💡", "100": "💯", "x": "❌",
}

var picks = []string{"+1", "heart", "tada", "runner", "joy", "eyes", "rocket", "pray", "white_check_mark", "thinking_face", "fire", "clap", "wave", "bulb", "100", "x"}

// shown is what to show of a reaction: one that only the bot's plugins know
// stands by its name.
func shown(name string) string {
	if e, ok := emoji[name]; ok {
		return e
	}
	return ":" + name + ":"
}
