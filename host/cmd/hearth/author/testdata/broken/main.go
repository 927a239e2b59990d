// Broken does not compile, at line 6.
package main

func main() {
	var unused int
	return undefinedName
}
