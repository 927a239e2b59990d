//go:build ignore

package main

import (
	"encoding/json"
	"fmt"
)

type pet struct {
	Name string `json:"name"`
	Legs int    `json:"legs"`
}

func main() {
	var p pet
	err := json.Unmarshal([]byte(`{"name": "Gopher", "legs": 4}`), &p)
	fmt.Println(p.Name, p.Legs, err)
	text, _ := json.Marshal(pet{"Duck", 2})
	fmt.Println(string(text))
}

// Output:
// Gopher 4 <nil>
// {"name":"Duck","legs":2}
