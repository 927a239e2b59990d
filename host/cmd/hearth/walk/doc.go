// Package walk has no code. Its tests walk hearth from door to door as the
// people do for whom it is: a newcomer with a browser at the web chat, a
// workspace at Slack; with the real plugins in the real sandbox, over the real
// store and HTTP.
package walk
