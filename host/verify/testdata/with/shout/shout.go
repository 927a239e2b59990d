// Package shout is what a community lets its members import.
package shout

import "strings"

// Loud makes s loud.
func Loud(s string) string { return strings.ToUpper(s) + "!" }
