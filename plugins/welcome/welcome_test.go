package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
}

// TestNobodyWhoWasHereIsANewcomer has three thousand members post who were there
// before the plugin, wherever newcomers are greeted: nothing is said and nothing
// kept. Then one joins and is greeted, so it did listen.
func TestNobodyWhoWasHereIsANewcomer(t *testing.T) {
	for _, o := range []sdktest.Options{{}, {NoDM: true}, {Config: `{"where": "channel"}`}} {
		b := sdktest.New(t, o)
		for i := range 3000 {
			m := b.Member(fmt.Sprintf("old%d", i))
			m.Says([]string{"#general", "#random", "dm"}[i%3], "good morning")
			if e := b.Effects(); len(e.Out)+len(e.Writes)+len(e.Adds) > 0 {
				t.Fatalf("member %d was there and posts: %+v", i, e)
			}
		}
		b.Member("new").Joins("#general")
		if len(b.Effects().Out) == 0 {
			t.Error("the newcomer is not greeted")
		}
	}
}

func TestGitHubName(t *testing.T) {
	for in, want := range map[string]string{
		"octocat":                     "octocat",
		" @octo-cat ":                 "octo-cat",
		"https://github.com/octocat/": "octocat",
		"":                            "",
		"-octocat":                    "no",
		"octo--cat":                   "no",
		"octocat-":                    "no",
		"octo cat":                    "no",
		"小猫":                          "no",
		strings.Repeat("a", 40):       "no",
	} {
		name, ok := githubName(in)
		if !ok {
			name = "no"
		}
		if name != want {
			t.Errorf("githubName(%q) = %q, want %q", in, name, want)
		}
	}
}

// TestWhoLeftOneChannelIsGreeted: a newcomer who could not be written to is greeted
// where they first speak, also if they left a channel before.
func TestWhoLeftOneChannelIsGreeted(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{NoDM: true})
	kim := b.Member("kim")
	kim.Joins("")
	kim.Leaves("#random")
	kim.Says("#general", "hello")
	if len(b.Effects().Out) == 0 {
		t.Error("the newcomer is not greeted")
	}
}

// TestForgottenInPrivate: who was greeted in private is in no row of the channel's
// either, once they are forgotten.
func TestForgottenInPrivate(t *testing.T) {
	b := sdktest.New(t, sdktest.Options{Config: `{"crowd": 2}`})
	for _, name := range []string{"ann", "bob", "cho"} { // the third has a message that all share
		b.Member(name).Joins("#general")
	}
	b.Member("ann").IsForgotten()
	b.Advance(time.Hour)
	b.Member("dan").Joins("#random")
	b.Member("dan").IsForgotten()
	b.Advance(time.Hour)
	b.Member("bob").IsForgotten()
}
