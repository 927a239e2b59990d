/* plugin.c - a small welcome in plain C, written from ABI.md alone.
 *
 * It greets whoever joins, once, in English or Chinese, and counts them; the
 * command "greeted" says how many. No libc, no SDK:
 *
 *	clang --target=wasm32 -Os -mbulk-memory -ffreestanding -nostdlib \
 *		-Wl,--no-entry -o greeter.wasm plugin.c
 *
 * Every call starts from the same memory, so static buffers need no clearing.
 */
#include "wire.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("hearth"), import_name(name)))

IMPORT("kv_get") int32_t kv_get(const uint8_t *key, uint32_t key_len, uint8_t *buf, uint32_t room);
#else /* natively the test that includes this file answers the reads */
static int32_t kv_get(const uint8_t *key, uint32_t key_len, uint8_t *buf, uint32_t room);
#endif

enum { MAX_INPUT = 1 << 20, MAX_OUTPUT = 64 << 10, MAX_KEY = 256 };

static uint8_t input[MAX_INPUT];
static uint8_t output[MAX_OUTPUT];

/* ---- the event, as far as it matters here ---- */

typedef struct {
	bytes kind, place, place_kind, member, name, locale, command;
	bool bot, guest, private;
} event;

static void read_conversation(reader *r, event *e) {
	for (uint32_t n = entries(r); n > 0 && !r->bad; n--) {
		bytes key = string(r);
		if (same(key, TEXT("id"))) e->place = string(r);
		else if (same(key, TEXT("kind"))) e->place_kind = string(r);
		else skip(r);
	}
}

static void read_member(reader *r, event *e) {
	for (uint32_t n = entries(r); n > 0 && !r->bad; n--) {
		bytes key = string(r);
		if (same(key, TEXT("id"))) e->member = string(r);
		else if (same(key, TEXT("name"))) e->name = string(r);
		else if (same(key, TEXT("locale"))) e->locale = string(r);
		else if (same(key, TEXT("bot"))) e->bot = boolean(r);
		else if (same(key, TEXT("guest"))) e->guest = boolean(r);
		else skip(r);
	}
}

static void read_command(reader *r, event *e) {
	for (uint32_t n = entries(r); n > 0 && !r->bad; n--) {
		if (same(string(r), TEXT("name"))) e->command = string(r);
		else skip(r);
	}
}

static void read_event(reader *r, event *e) {
	for (uint32_t n = entries(r); n > 0 && !r->bad; n--) {
		bytes key = string(r);
		if (same(key, TEXT("kind"))) e->kind = string(r);
		else if (same(key, TEXT("conv"))) read_conversation(r, e);
		else if (same(key, TEXT("member"))) read_member(r, e);
		else if (same(key, TEXT("command"))) read_command(r, e);
		else if (same(key, TEXT("private"))) e->private = boolean(r);
		else skip(r);
	}
}

static event read_call(reader *r) {
	event e = {0};
	for (uint32_t n = entries(r); n > 0 && !r->bad; n--) {
		if (same(string(r), TEXT("event"))) read_event(r, &e);
		else skip(r);
	}
	return e;
}

/* ---- texts and keys ---- */

/* put_escaped writes what a member wrote, so that none of it is markup. */
static void put_escaped(writer *w, bytes b) {
	for (size_t i = 0; i < b.len; i++) {
		switch (b.at[i]) {
		case '\\': case '*': case '~': case '`': case '[': case ']': case '<': case '>':
			put(w, '\\');
		}
		put(w, b.at[i]);
	}
}

static void put_number(writer *w, uint64_t n) {
	uint8_t digits[20];
	size_t i = sizeof digits;
	do digits[--i] = (uint8_t)('0' + n % 10); while ((n /= 10) > 0);
	put_bytes(w, (bytes){digits + i, sizeof digits - i});
}

/* put_segment writes a part of a key. */
static void put_segment(writer *w, bytes b) {
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.at[i];
		if (c <= ' ' || c == 0x7f || c == '/' || c == '%') {
			put(w, '%');
			put(w, (uint8_t)hex[c >> 4]);
			put(w, (uint8_t)hex[c & 15]);
		} else {
			put(w, c);
		}
	}
}

static bool chinese(const event *e) { return begins(e->locale, TEXT("zh")); }

/* ---- what it does ---- */

static const bytes counter = {(const uint8_t *)"c/greeted", 9};

static void greet(const event *e, writer *w) {
	uint8_t key_room[MAX_KEY];
	writer key = {key_room, 0, sizeof key_room, false};
	put_bytes(&key, TEXT("m/"));
	put_segment(&key, e->member);
	put_bytes(&key, TEXT("/greeted"));
	w->bad = w->bad || key.bad;

	uint8_t value[8];
	if (e->bot || e->guest || e->member.len == 0 || key.bad ||
	    kv_get(key.at, (uint32_t)key.len, value, sizeof value) >= 0) {
		put_map(w, 0);
		return;
	}
	put_map(w, 3);
	PUT(w, "w"), put_array(w, 1), put_map(w, 2);
	PUT(w, "k"), put_text(w, (bytes){key.at, key.len});
	PUT(w, "v"), put(w, 0xc4), put(w, 1), put(w, 0xc3); /* a bin that holds the MessagePack true */
	PUT(w, "a"), put_array(w, 1), put_map(w, 2);
	PUT(w, "k"), put_text(w, counter);
	PUT(w, "d"), put(w, 1);
	PUT(w, "o"), put_array(w, 1), put_map(w, 1);
	PUT(w, "send"), put_map(w, 2);
	PUT(w, "to"), put_map(w, e->place.len > 0 ? 2 : 1);
	PUT(w, "m"), put_text(w, e->member);
	if (e->place.len > 0) PUT(w, "c"), put_text(w, e->place);
	PUT(w, "c"), put_map(w, 1);
	PUT(w, "b"), put_array(w, 1), put_map(w, 1);
	PUT(w, "t");
	size_t text = open_text(w);
	if (!chinese(e)) put_bytes(w, TEXT("Welcome, "));
	put_escaped(w, e->name);
	put_bytes(w, chinese(e) ? TEXT("，欢迎你！") : TEXT("!"));
	close_text(w, text);
}

static void count(const event *e, writer *w) {
	uint8_t value[8];
	uint64_t n = 0;
	if (kv_get(counter.at, (uint32_t)counter.len, value, sizeof value) == sizeof value) {
		reader r = {value, value + sizeof value, false};
		n = number(&r, sizeof value);
	}
	bool alone = e->private && !same(e->place_kind, TEXT("dm"));
	put_map(w, 1);
	PUT(w, "o"), put_array(w, 1), put_map(w, 1);
	PUT(w, "send"), put_map(w, 2);
	PUT(w, "to"), put_map(w, alone ? 3 : 1);
	PUT(w, "c"), put_text(w, e->place);
	if (alone) {
		PUT(w, "m"), put_text(w, e->member);
		PUT(w, "e"), put(w, 0xc3);
	}
	PUT(w, "c"), put_map(w, 1);
	PUT(w, "b"), put_array(w, 1), put_map(w, 1);
	PUT(w, "t");
	size_t text = open_text(w);
	put_bytes(w, chinese(e) ? TEXT("我欢迎过的朋友：") : TEXT("Members I have welcomed: "));
	put_number(w, n);
	close_text(w, text);
}

static void fail(writer *w, bytes why) {
	*w = (writer){w->at, 0, w->room, false};
	put_map(w, 1);
	PUT(w, "err"), put_text(w, why);
}

static size_t answer(const uint8_t *call, size_t n) {
	reader r = {call, call + n, false};
	event e = read_call(&r);
	writer w = {output, 0, sizeof output, false};
	if (r.bad) fail(&w, TEXT("the call is not as ABI.md says"));
	else if (same(e.kind, TEXT("member.joined"))) greet(&e, &w);
	else if (same(e.command, TEXT("greeted"))) count(&e, &w);
	else put_map(&w, 0);
	if (w.bad) fail(&w, TEXT("the effects do not fit"));
	return w.len;
}

static void localized(writer *w, bytes en, bytes zh) {
	put_array(w, 2);
	put_map(w, 2), PUT(w, "l"), PUT(w, "en"), PUT(w, "t"), put_text(w, en);
	put_map(w, 2), PUT(w, "l"), PUT(w, "zh-CN"), PUT(w, "t"), put_text(w, zh);
}

static void need(writer *w, bytes capability, bytes reason) {
	put_map(w, 2), PUT(w, "c"), put_text(w, capability), PUT(w, "r"), put_text(w, reason);
}

static size_t manifest(void) {
	writer w = {output, 0, sizeof output, false};
	put_map(&w, 7);
	PUT(&w, "abi"), put(&w, 1);
	PUT(&w, "name"), PUT(&w, "greeter");
	PUT(&w, "version"), PUT(&w, "1.0.0");
	PUT(&w, "about"), localized(&w, TEXT("Greets whoever joins, and counts them"), TEXT("迎接新成员，并记下人数"));
	PUT(&w, "events"), put_array(&w, 2), PUT(&w, "member.joined"), PUT(&w, "command.invoked");
	PUT(&w, "cmds"), put_array(&w, 1), put_map(&w, 2);
	PUT(&w, "n"), PUT(&w, "greeted");
	PUT(&w, "h"), localized(&w, TEXT("Says how many were greeted"), TEXT("看看迎接了多少人"));
	PUT(&w, "needs"), put_array(&w, 2);
	need(&w, TEXT("dm"), TEXT("greet newcomers"));
	need(&w, TEXT("send"), TEXT("greet them in the channel where that is not possible, and answer there"));
	return w.len;
}

#ifdef __wasm__
static uint64_t returned(size_t n) { return (uint64_t)(uintptr_t)output << 32 | n; }

EXPORT("hearth_abi") uint32_t hearth_abi(void) { return 1; }

/* More than there is room for gets no room: the host's write then fails. */
EXPORT("hearth_buffer") uint8_t *hearth_buffer(uint32_t n) { return n <= sizeof input ? input : (uint8_t *)-1; }

EXPORT("describe") uint64_t describe(uint32_t n) {
	(void)n;
	return returned(manifest());
}

EXPORT("handle") uint64_t handle(uint32_t n) { return returned(answer(input, n <= sizeof input ? n : 0)); }
#endif
