package tabtest

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Press presses keys one after the other, as kb names them or as they are written.
func (b *Tab) Press(keys string, with ...chromedp.KeyOption) {
	b.t.Helper()
	b.Run(fmt.Sprintf("press %q", keys), chromedp.KeyEvent(keys, with...))
}

// mostStops is how often Tab is pressed for one element.
const mostStops = 250

// TabTo presses Tab until an element that sel selects has the focus, and TabBack
// Shift-Tab. At each stop one must see where one is.
func (b *Tab) TabTo(sel string) { b.t.Helper(); b.stops(sel) }

// TabBack is TabTo the other way round.
func (b *Tab) TabBack(sel string) {
	b.t.Helper()
	b.stops(sel, chromedp.KeyModifiers(chromedp.ModifierShift))
}

func (b *Tab) stops(sel string, with ...chromedp.KeyOption) {
	b.t.Helper()
	around := 0 // past the end of the page, where the browser's own buttons are
	for range mostStops {
		b.Press(kb.Tab, with...)
		if Eval[bool](b, "!document.activeElement || document.activeElement === document.body") {
			if around++; around > 1 {
				break
			}
			continue
		}
		b.Seen("on the way to " + sel)
		if Eval[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", sel)) {
			return
		}
	}
	b.Keep("failed-" + b.t.Name())
	b.t.Fatalf("no key leads to %s", sel)
}

// Seen says that something has the focus, is in sight, and looks as if it had.
func (b *Tab) Seen(where string) {
	b.t.Helper()
	if why := Eval[string](b, seen); why != "" {
		b.t.Errorf("%s: %s", where, why)
	}
}

// seen looks for an outline or a ring of what has the focus, of what it stands in,
// or, as it is with a button that is drawn by its label, of what stands beside.
const seen = `(() => {
	const e = document.activeElement
	if (!e || e === document.body) return "nothing has the focus"
	const name = e.outerHTML.slice(0, 160)
	const marked = (x) => {
		const s = getComputedStyle(x)
		const ring = /(^|\) )0px 0px 0px [1-9]/.test(s.boxShadow)
		if (!ring && (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 1)) return false
		const r = x.getBoundingClientRect()
		return r.width >= 4 && r.height >= 4
	}
	const places = [e, e.nextElementSibling]
	for (let x = e.parentElement; x && x !== document.body && places.length < 7; x = x.parentElement) places.push(x)
	const at = places.find((x) => x && marked(x))
	if (!at) return "one does not see that it has the focus: " + name
	const r = at.getBoundingClientRect()
	if (r.bottom < 1 || r.top > innerHeight - 1 || r.right < 1 || r.left > innerWidth - 1) return "it is out of sight: " + name
	return ""
})()`
