// Package sdk is what a plugin's author imports: a plugin declares itself with
// [New], answers events with handlers that take a [Ctx], keeps state in
// [Value], [Map] and [Counter], and says things through a [Message].
//
//	var greeted = sdk.PerMember[int]("greeted")
//
//	var _ = sdk.New[Config]("hello", "1.0.0", sdk.CanDM("greet newcomers")).
//		OnJoin(func(c *sdk.Ctx[Config]) error {
//			c.DM(c.T("hello", c.Name()))
//			return nil
//		})
//
//	func main() {}
//
// # What a handler may rely on
//
// A handler is a pure function: the same event, config, rows, seed and clock
// give the same effects, so an invocation can be repeated after a conflict and
// replayed from the journal. Time is [Base.Now], randomness is [Base.Rand];
// every event finds the memory as [Plugin.Warm] left it, so a package variable
// that a handler sets is forgotten, and what has to last is state. Nothing a
// handler does happens before it returns nil, and then all of it happens: rows
// written, messages queued, timers set, in one commit. If it returns an error
// or panics nothing does, and the host tries again later.
//
// Reads see what the same invocation wrote before. A read that fails in the
// host ends the invocation; there is no error to check.
//
// # Text and markup
//
// What is shown to members is [Markup], a small Markdown. A string is not
// Markup: an untyped constant converts by itself, texts come from the catalogue
// through [Base.T], which escapes its arguments, and [Escape] makes any string
// harmless. Converting with Markup(s) says that s is trusted.
//
// # Where it runs
//
// Built for wasip1 the package exports the functions of the ABI and imports the
// host's; built natively it does neither, and sdktest runs the same handlers
// under go test. It imports the standard library, [abi] and the msgp runtime.
package sdk
