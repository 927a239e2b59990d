# hearth's tasks. `make run` and `make test` need Go and nothing else.

GO      ?= go
PKG     := ./host/cmd/hearth/walk ./host/verify ./host/wasm ./host ./... ./.ci/report # what takes longest begins first
DIST    := host/cmd/hearth/dist
PLUGINS := $(notdir $(patsubst %/main.go,%,$(wildcard plugins/*/main.go)))
WASM    := $(PLUGINS:%=$(DIST)/%.wasm)
SOURCES := $(shell find sdk -name '*.go' -not -name '*_test.go') go.mod go.sum
SDK     := $(DIST)/sdk.zip
CHAIN   := bin/toolchain

# How long `make fuzz` spends on each target.
FUZZTIME ?= 10s

.PHONY: build run test axe race bench check wasm toolchain fuzz long conformance clean binary

build: binary toolchain ## the binary with its plugins, and what it compiles members' code with

binary: wasm
	@mkdir -p bin/plugins
	@cp $(WASM) bin/plugins/
	$(GO) build -trimpath -o bin/hearth ./host/cmd/hearth
	@echo "built bin/hearth with the plugins: $(PLUGINS)"

# The compiler takes a minute or two to be packed the first time. hearth serves
# meanwhile, and takes it up when it is there.
run: binary ## serve http://127.0.0.1:8080 with ./data
	@$(GO) run ./host/verify/toolchain/mktoolchain -o $(CHAIN) & bin/hearth serve

toolchain: ## Go's compiler, linker and library for the sandbox
	@$(GO) run ./host/verify/toolchain/mktoolchain -o $(CHAIN) $(if $(WITH),-with $(WITH))

wasm: $(WASM) $(SDK) ## what is built in: the plugins, and the SDK for authors

$(SDK): $(SOURCES) $(shell find sdk -name '*.md') $(wildcard host/cmd/hearth/author/kit/*.go) LICENSE
	@$(GO) run ./host/cmd/hearth/author/kit/mkkit -o $@

.SECONDEXPANSION:
$(DIST)/%.wasm: $$(shell find plugins/$$* -type f -not -path '*/testdata/*' -not -name '*_test.go') $(SOURCES)
	@echo "compiling plugin $*"
	@GOOS=wasip1 GOARCH=wasm $(GO) build -trimpath -buildmode=c-shared -ldflags '-s -w' -o $@ ./plugins/$*

axe: ## what the tests look for barriers in pages with; without npm they say that they did not
	@.ci/axe || echo "axe-core could not be fetched: the pages are not searched for barriers"

test: wasm toolchain axe ## every test; says what it skips for want of a browser or a compiler
	@echo "compiling Go's compiler, once for all the tests that use it"
	@$(GO) test -count=1 -run '^TestVerdicts$$/^hello$$' ./host/verify >/dev/null || true # the tests below say what is wrong
	@echo "testing, what takes longest first: each package stands here when it has ended"
	@.ci/tests -timeout 60m $(TESTFLAGS) $(PKG)

race: ## the packages with goroutines, under the race detector
	@.ci/race ./store/... ./host ./host/access ./host/audit ./host/settings ./host/house ./host/chat/... ./host/verify/... ./host/wasm ./sdk/... ./plugins/... ./web/...

bench: build ## benchmarks, and the table of the README from one run; QUICK=1 only shows that they run
	@.ci/bench

long: wasm ## the tests that take minutes at their full length
	HEARTH_LONG=1 $(GO) test -timeout 60m ./store/... ./host/... ./plugins/digest/...

conformance: toolchain ## all of Go's own run tests, through the verifier; UPDATE=1 writes what is left out anew
	@$(GO) test -c -o bin/conformance.test ./host/verify/conformance
	@cd host/verify/conformance && HEARTH_CONFORMANCE=all $(CURDIR)/bin/conformance.test -test.v -test.run '^TestConformance$$' -test.timeout 90m $(if $(UPDATE),-update)

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

check: wasm ## what must hold before a change lands
	@.ci/check

clean:
	rm -rf bin artifacts $(DIST)/*.wasm $(SDK)
