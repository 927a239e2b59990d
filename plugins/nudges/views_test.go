package main

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

// TestWhenIsSaid: a manager anywhere reads when a member was written to. The plugin
// has no time zones, so a day alone would be another one in half of the world.
func TestWhenIsSaid(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{TimeZone: "Asia/Shanghai", Start: time.Date(2024, 6, 3, 18, 30, 0, 0, time.UTC)})
	b.Member("ann").Joins("#general")
	b.Advance(27 * time.Hour)
	if said := string(b.Query("/member", "manager", "member", "test:ann").Body); !strings.Contains(said, "2024-06-04 20:30 UTC") {
		t.Errorf("it says %q, of the fifth of June in Shanghai", said)
	}
}
