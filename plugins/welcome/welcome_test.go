package main

import (
	"strings"
	"testing"

	"github.com/hearthbot/hearth/sdk/sdktest"
)

func TestTranscripts(t *testing.T) {
	sdktest.Transcripts(t, "testdata/*.txtar", sdktest.Options{})
}

func TestManifestIsComplete(t *testing.T) {
	sdktest.Complete(t, sdktest.Options{})
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
