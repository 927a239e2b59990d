/* native.c - runs the plugin's code outside WebAssembly, for the tests: with the
 * argument "describe" it writes the manifest; else the call is on stdin, each
 * argument is KEY=HEX, a row, and the effects go to stdout.
 */
#include "plugin.c"

#include <stdio.h>
#include <string.h>

static int rows;
static char **row;

static int32_t kv_get(const uint8_t *key, uint32_t key_len, uint8_t *buf, uint32_t room) {
	for (int i = 0; i < rows; i++) {
		const char *eq = strchr(row[i], '=');
		if (!eq || (size_t)(eq - row[i]) != key_len || memcmp(row[i], key, key_len) != 0) continue;
		uint32_t n = (uint32_t)strlen(eq + 1) / 2;
		for (uint32_t j = 0; j < n && n <= room; j++) {
			unsigned byte;
			if (sscanf(eq + 1 + 2 * j, "%2x", &byte) != 1) return -1;
			buf[j] = (uint8_t)byte;
		}
		return (int32_t)n;
	}
	return -1;
}

int main(int argc, char **argv) {
	rows = argc - 1;
	row = argv + 1;
	size_t n = argc == 2 && strcmp(argv[1], "describe") == 0 ? manifest() : answer(input, fread(input, 1, sizeof input, stdin));
	return fwrite(output, 1, n, stdout) == n ? 0 : 1;
}
