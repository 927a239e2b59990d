package webchat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/hearthbot/hearth/host/chat"
)

// posted makes a text that a member sends fit to be kept: UTF-8 without NUL,
// lines ending in \n. ok is false for what no browser sends. What else is
// hidden in it is taken out where it is shown (chat.Clean).
func posted(s string) (_ string, ok bool) {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return "", false
	}
	return strings.ReplaceAll(s, "\r\n", "\n"), true
}

// line is a name or label as one line: white space becomes single spaces, what
// cannot be seen goes.
func line(s string) (string, bool) {
	if s, ok := posted(s); !ok || len(s) > maxLine {
		return "", false
	}
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && r != zwj {
			return -1
		}
		return r
	}, norm.NFC.String(chat.Clean(s)))
	return strings.Join(strings.Fields(s), " "), true
}

const maxLine = 1 << 10 // bytes

const zwj = '\u200d' // joins emoji; nothing else that is invisible is wanted

const brailleBlank = '\u2800' // a symbol that shows nothing

// memberName checks what somebody wants to be called. The key of the problem is
// "" if the name will do.
func memberName(s string) (name, problem string) {
	s, ok := line(s)
	if !ok {
		return "", "name.chars"
	}
	n, marks, word := 0, 0, false
	for _, r := range s {
		n++
		switch {
		case unicode.Is(unicode.M, r):
			if marks++; marks > 2 {
				return "", "name.chars"
			}
			continue
		case strings.ContainsRune("<>@#/\\`*~[](){}|\"&:;,!?=+^%$", r):
			return "", "name.chars"
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.So, r) && r != brailleBlank:
			word = true // a picture is a name too
		}
		marks = 0
	}
	switch {
	case n == 0:
		return "", "name.empty"
	case n > maxName:
		return "", "name.long"
	case !word:
		return "", "name.chars"
	case reserved[fold(s)]:
		return "", "name.taken"
	}
	return s, ""
}

// reserved are names that would pass for somebody they are not.
var reserved = map[string]bool{
	bot: true, "hearthbot": true, "admin": true, "administrator": true, "system": true, "moderator": true,
	"everyone": true, "channel": true, "here": true, "all": true, "炉边": true, "管理员": true, "系统": true,
}

// channelName checks the name of a channel, and makes of "Go 新手" "go-新手".
func channelName(s string) (name, problem string) {
	s, ok := line(s)
	if !ok {
		return "", "channel.chars"
	}
	s = strings.ReplaceAll(strings.ToLower(norm.NFKC.String(strings.TrimPrefix(s, "#"))), " ", "-")
	n := 0
	for _, r := range s {
		if n++; !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '-' && r != '_' {
			return "", "channel.chars"
		}
	}
	switch {
	case strings.Trim(s, "-_") == "":
		return "", "channel.empty"
	case n > maxName:
		return "", "channel.long"
	}
	return s, ""
}

// fold makes names the same that look the same to a hurried reader: case,
// width, spaces and punctuation do not count, and Cyrillic and Greek letters are
// their Latin lookalikes.
func fold(name string) string {
	s := strings.ToLower(norm.NFKC.String(name))
	return strings.Map(func(r rune) rune {
		if l, ok := lookalikes[r]; ok {
			return l
		}
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.So, r) {
			return r
		}
		return -1
	}, s)
}

var lookalikes = map[rune]rune{
	'а': 'a', 'в': 'b', 'е': 'e', 'ё': 'e', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'р': 'p', 'с': 'c', 'т': 't',
	'у': 'y', 'х': 'x', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'ɡ': 'g',
	'α': 'a', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ı': 'i',
}
