package abi

import "strings"

// SameLanguage says whether two BCP 47 tags have the same language and, where
// both name one, the same script: zh-CN and zh-Hans-SG do, zh-CN and zh-Hant
// do not.
func SameLanguage(a, b string) bool {
	la, _, _ := strings.Cut(a, "-")
	lb, _, _ := strings.Cut(b, "-")
	return strings.EqualFold(la, lb) && traditional(a) == traditional(b)
}

// traditional says whether tag asks for traditional Chinese characters, which
// a reader of simplified ones is not given unasked, nor the reverse.
func traditional(tag string) bool {
	t := strings.ToLower(tag)
	return strings.HasPrefix(t, "zh") && (strings.Contains(t, "hant") || strings.HasSuffix(t, "-tw") || strings.HasSuffix(t, "-hk") || strings.HasSuffix(t, "-mo"))
}
