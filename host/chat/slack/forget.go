package slack

import (
	"context"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Marks is nothing: Slack's ids of other things are not made of its members'.
func (a *Adapter) Marks(string) []string { return nil }

// Forget drops what is remembered of a member: their profile, the conversation
// with them, where their commands may be answered. It is in memory only, so
// nothing is counted.
func (a *Adapter) Forget(_ context.Context, memberID string) (map[string]int, error) {
	id := abi.LocalID(memberID)
	if abi.Platform(memberID) != Name || !isID(id) {
		return nil, badID("member", memberID)
	}
	a.dir.members.drop(id)
	a.dir.dms.drop(id)
	a.hooks.c.dropIf(func(key string) bool { return strings.HasPrefix(key, "c/") && strings.HasSuffix(key, "/"+id) })
	return nil, nil
}
