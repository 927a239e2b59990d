package webchat

import (
	"bytes"
	"encoding/binary"
	"image"
	_ "image/gif" // what DecodeConfig can read
	_ "image/jpeg"
	_ "image/png"
)

// pictureSize is how many pixels a picture has, so that a page can leave room
// for it before it comes; 0 if its bytes do not say.
func pictureSize(kind string, data []byte) (wide, high int) {
	if !pictures[kind] {
		return 0, 0
	}
	if kind == "image/webp" {
		return webpSize(data)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0, 0
	}
	return c.Width, c.Height
}

// webpSize reads the first chunk of a WebP file, of whichever of its three
// kinds (RFC 9649).
func webpSize(b []byte) (wide, high int) {
	if len(b) < 30 {
		return 0, 0
	}
	le := binary.LittleEndian
	switch string(b[12:16]) {
	case "VP8 ":
		return int(le.Uint16(b[26:]) & 0x3fff), int(le.Uint16(b[28:]) & 0x3fff)
	case "VP8L":
		n := le.Uint32(b[21:])
		return int(n&0x3fff) + 1, int(n>>14&0x3fff) + 1
	case "VP8X":
		return int(le.Uint32(b[24:])&0xffffff) + 1, int(le.Uint32(b[26:])>>8) + 1
	}
	return 0, 0
}

const mostWide, mostHigh = 352, 288 // CSS pixels of a picture in a list

// shownSize is the size at which a picture of so many pixels is shown.
func shownSize(wide, high int) (int, int) {
	if wide <= 0 || high <= 0 {
		return 0, 0
	}
	f := min(1, float64(mostWide)/float64(wide), float64(mostHigh)/float64(high))
	return max(1, int(float64(wide)*f)), max(1, int(float64(high)*f))
}
