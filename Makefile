# hearth's tasks. `make run` and `make test` need Go and nothing else.

GO      ?= go
PKG     := ./...
DIST    := host/cmd/hearth/dist
PLUGINS := $(notdir $(patsubst %/main.go,%,$(wildcard plugins/*/main.go)))
WASM    := $(PLUGINS:%=$(DIST)/%.wasm)
SOURCES := $(shell find sdk -name '*.go' -not -name '*_test.go') go.mod go.sum

# How long `make fuzz` spends on each target.
FUZZTIME ?= 10s

.PHONY: build run test race bench check wasm fuzz long clean

build: wasm ## the binary with its plugins, and the plugins beside it
	@mkdir -p bin/plugins
	@cp $(WASM) bin/plugins/
	$(GO) build -trimpath -o bin/hearth ./host/cmd/hearth
	@echo "built bin/hearth with the plugins: $(PLUGINS)"

run: build ## serve http://127.0.0.1:8080 with ./data
	@bin/hearth serve

wasm: $(WASM) ## the plugins

.SECONDEXPANSION:
$(DIST)/%.wasm: $$(wildcard plugins/$$*/*.go plugins/$$*/messages/*) $(SOURCES)
	@echo "compiling plugin $*"
	@GOOS=wasip1 GOARCH=wasm $(GO) build -trimpath -buildmode=c-shared -ldflags '-s -w' -o $@ ./plugins/$*

test: wasm ## every test; says what it skips for want of a browser or a compiler
	@.ci/tests -timeout 15m $(PKG)

race: ## the packages with goroutines, under the race detector
	$(GO) test -race -short -timeout 20m ./store/... ./host ./host/chat/... ./host/wasm ./sdk/... ./web/...

bench: build ## benchmarks, and the table of the README from one run
	@.ci/bench

long: wasm ## the tests that take minutes at their full length
	HEARTH_LONG=1 $(GO) test -timeout 30m ./store/... ./host/...

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

check: wasm ## what must hold before a change lands
	@.ci/check

clean:
	rm -rf bin artifacts $(DIST)/*.wasm
