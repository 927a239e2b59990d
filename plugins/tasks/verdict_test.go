package main

import "testing"

// A hint shows code as code, and nothing else in it as anything but text.
func TestWithCode(t *testing.T) {
	for hint, want := range map[string]string{
		"Use `x`, or *delete* it.":   "Use `x`, or \\*delete\\* it.",
		"`a_b` and `_`":              "`a_b` and `_`",
		"one ` alone":                "one \\` alone",
		"plain":                      "plain",
		"`two\nlines` are no [code]": "two\nlines are no \\[code\\]",
	} {
		if got := string(withCode(hint)); got != want {
			t.Errorf("withCode(%q) = %q, want %q", hint, got, want)
		}
	}
}
