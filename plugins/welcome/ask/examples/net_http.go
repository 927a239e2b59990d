//go:build ignore

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
)

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello, %s!", r.URL.Query().Get("name"))
}

func main() {
	// A whole server would be: http.ListenAndServe(":8080", http.HandlerFunc(hello))
	w := httptest.NewRecorder()
	hello(w, httptest.NewRequest("GET", "/?name=Gopher", nil))
	fmt.Println(w.Code, w.Body)
}

// Output:
// 200 Hello, Gopher!
