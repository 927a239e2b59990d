package page

import "testing"

func TestLocal(t *testing.T) {
	for next, want := range map[string]string{
		"/tasks": "/tasks", "/tasks/hello?done=saved#x": "/tasks/hello?done=saved#x", "/": "/",
		"": "/", "tasks": "/", "//evil.example": "/", "///evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
		"https://evil.example/tasks": "/", "javascript:alert(1)": "/", "/\t/evil.example": "/", "/%5cevil.example": "/", "/%0d%0aSet-Cookie:x": "/",
		"/ /evil": "/", "https:evil": "/", "http:///evil.example": "/", "/login": "/", "/login?next=//evil": "/", "/logout": "/", "%zz": "/",
	} {
		if got := Local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}
