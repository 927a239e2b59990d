package abi

// KeySegment writes an id or a name as a segment of a state key: "/", "%",
// spaces and control characters become "%" and two hexadecimal digits.
func KeySegment(s string) string {
	bare := func(c byte) bool { return c > ' ' && c != 0x7f && c != '/' && c != '%' }
	n := 0
	for n < len(s) && bare(s[n]) {
		n++
	}
	if n == len(s) {
		return s
	}
	const digits = "0123456789abcdef"
	b := append(make([]byte, 0, len(s)+8), s[:n]...)
	for ; n < len(s); n++ {
		if bare(s[n]) {
			b = append(b, s[n])
		} else {
			b = append(b, '%', digits[s[n]>>4], digits[s[n]&15])
		}
	}
	return string(b)
}
