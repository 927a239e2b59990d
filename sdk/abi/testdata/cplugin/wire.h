/* wire.h - the little of MessagePack that a plugin needs.
 *
 * A reader goes through bytes it does not trust: past the end, or at a type
 * that it did not expect, it becomes bad and stays so, and whatever it returns
 * then is empty. A writer that runs out of room becomes bad likewise. Nothing
 * here allocates or calls anything.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { const uint8_t *at; size_t len; } bytes;

#define TEXT(literal) ((bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static bool same(bytes a, bytes b) {
	if (a.len != b.len) return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.at[i] != b.at[i]) return false;
	return true;
}

static bool begins(bytes a, bytes with) {
	return a.len >= with.len && same((bytes){a.at, with.len}, with);
}

/* ---- reading ---- */

typedef struct { const uint8_t *at, *end; bool bad; } reader;

static bytes take(reader *r, uint64_t n) {
	if (r->bad || n > (uint64_t)(r->end - r->at)) {
		r->bad = true;
		return (bytes){r->end, 0};
	}
	bytes b = {r->at, (size_t)n};
	r->at += n;
	return b;
}

/* number reads n bytes, the most significant first. */
static uint64_t number(reader *r, int n) {
	bytes b = take(r, (uint64_t)n);
	uint64_t v = 0;
	for (size_t i = 0; i < b.len; i++) v = v << 8 | b.at[i];
	return v;
}

static uint8_t lead(reader *r) { return (uint8_t)number(r, 1); }

/* entries is how many pairs of key and value follow. */
static uint32_t entries(reader *r) {
	uint8_t c = lead(r);
	if (r->bad) return 0;
	if ((c & 0xf0) == 0x80) return c & 0x0f;
	if (c == 0xde) return (uint32_t)number(r, 2);
	if (c == 0xdf) return (uint32_t)number(r, 4);
	r->bad = true;
	return 0;
}

static bytes string(reader *r) {
	uint8_t c = lead(r);
	if (r->bad) return take(r, 0);
	if ((c & 0xe0) == 0xa0) return take(r, c & 0x1f);
	if (c >= 0xd9 && c <= 0xdb) return take(r, number(r, 1 << (c - 0xd9)));
	r->bad = true;
	return take(r, 0);
}

static bool boolean(reader *r) {
	uint8_t c = lead(r);
	r->bad = r->bad || (c != 0xc2 && c != 0xc3);
	return c == 0xc3;
}

/* skip passes over a value, whatever it is: `left` counts the values to pass,
 * so that nesting needs no stack. */
static void skip(reader *r) {
	for (uint64_t left = 1; left > 0 && !r->bad; left--) {
		uint8_t c = lead(r);
		if (c <= 0x7f || c >= 0xe0) continue;
		if (c <= 0x8f) left += 2 * (uint64_t)(c & 0x0f);
		else if (c <= 0x9f) left += c & 0x0f;
		else if (c <= 0xbf) take(r, c & 0x1f);
		else if (c == 0xc0 || c == 0xc2 || c == 0xc3) continue;
		else if (c >= 0xc4 && c <= 0xc6) take(r, number(r, 1 << (c - 0xc4)));
		else if (c >= 0xc7 && c <= 0xc9) take(r, number(r, 1 << (c - 0xc7)) + 1);
		else if (c == 0xca) take(r, 4);
		else if (c == 0xcb) take(r, 8);
		else if (c >= 0xcc && c <= 0xcf) take(r, 1u << (c - 0xcc));
		else if (c >= 0xd0 && c <= 0xd3) take(r, 1u << (c - 0xd0));
		else if (c >= 0xd4 && c <= 0xd8) take(r, (1u << (c - 0xd4)) + 1);
		else if (c >= 0xd9 && c <= 0xdb) take(r, number(r, 1 << (c - 0xd9)));
		else if (c == 0xdc) left += number(r, 2);
		else if (c == 0xdd) left += number(r, 4);
		else if (c == 0xde) left += 2 * number(r, 2);
		else if (c == 0xdf) left += 2 * number(r, 4);
		else r->bad = true;
	}
}

/* ---- writing ---- */

typedef struct { uint8_t *at; size_t len, room; bool bad; } writer;

static void put(writer *w, uint8_t c) {
	if (w->len == w->room) {
		w->bad = true;
		return;
	}
	w->at[w->len++] = c;
}

static void put_bytes(writer *w, bytes b) {
	for (size_t i = 0; i < b.len; i++) put(w, b.at[i]);
}

/* head writes a type and a length of 16 bits, or of four in the short form. */
static void head(writer *w, uint8_t small, uint8_t big, size_t n) {
	if (n < 16) {
		put(w, (uint8_t)(small | n));
		return;
	}
	w->bad = w->bad || n > 0xffff;
	put(w, big);
	put(w, (uint8_t)(n >> 8));
	put(w, (uint8_t)n);
}

static void put_map(writer *w, size_t n) { head(w, 0x80, 0xde, n); }
static void put_array(writer *w, size_t n) { head(w, 0x90, 0xdc, n); }

static void put_text(writer *w, bytes b) {
	w->bad = w->bad || b.len > 0xffff;
	put(w, 0xda);
	put(w, (uint8_t)(b.len >> 8));
	put(w, (uint8_t)b.len);
	put_bytes(w, b);
}

/* open_text begins a text whose length is not known yet; close_text ends it. */
static size_t open_text(writer *w) {
	put_text(w, (bytes){0, 0});
	return w->len;
}

static void close_text(writer *w, size_t start) {
	size_t n = w->len - start;
	if (w->bad || n > 0xffff) {
		w->bad = true;
		return;
	}
	w->at[start - 2] = (uint8_t)(n >> 8);
	w->at[start - 1] = (uint8_t)n;
}

#define PUT(w, literal) put_text(w, TEXT(literal))

#endif
