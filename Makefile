# ubridge: `make help` lists the verbs.
GO      ?= $(or $(shell command -v go 2>/dev/null),$(wildcard /usr/local/go/bin/go),$(wildcard /usr/lib/go-*/bin/go))
SETUP   ?= yes
VERSION := $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo unknown)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -X ubridge/internal/cli.version=$(VERSION)"
export SETUP

.PHONY: help build deb run demo test test-full fuzz bench bench-full lint generate clean
.DEFAULT_GOAL := help

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

build: ## build ./ubridge, one static binary
	@test/setup/packages build
	$(BUILD) -o ubridge ./cmd/ubridge

deb: build ## build the Debian package, in dist/out
	@GO=$(GO) dist/deb/build ubridge dist/out

run: build ## build, and start the default network in the foreground (as root)
	@test/setup/packages run
	$(SUDO) ./ubridge run

demo: build ## a tour in private namespaces; nothing is left behind (as root)
	@test/setup/packages demo
	$(SUDO) ./ubridge demo

test: ## install what the tests need, and run all of them (as root)
	@test/setup/packages test
	@$(SUDO) test/guest/build
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" CI=$(CI) $(GO) test -count=1 -timeout 14m ./...

test-full: ## what takes longer: the suite with two workers, without the fast path and under the race detector, the package on a host of its own, fuzzing
	@test/setup/packages test
	@$(SUDO) test/guest/build
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" UBRIDGE_TEST_WORKERS=2 "UBRIDGE_LIBVIRT=$$($(SUDO) test/setup/libvirt daemon)" $(GO) test -count=1 -timeout 30m ./test/...
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" UBRIDGE_TEST_FASTPATH=off $(GO) test -count=1 -timeout 30m ./test/...
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" UBRIDGE_TEST_FULL=yes $(GO) test -count=1 -timeout 30m ./test/install
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 60m ./...
	$(MAKE) fuzz

FUZZTIME ?= 30s
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for d in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$d/*_test.go | cut -d' ' -f2); do \
	    echo "fuzz $$d $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$d || exit 1; \
	  done; done

bench: build ## measure ubridge beside its peers, in two minutes; results in bench-out (as root)
	@test/setup/packages bench
	@test/setup/openvswitch || echo "bench: going on without Open vSwitch"
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" ./ubridge bench --quick --out bench-out

bench-full: build ## the whole benchmark, within an hour; results in bench-out (as root)
	@test/setup/packages bench
	@test/setup/openvswitch || echo "bench: going on without Open vSwitch"
	@test/setup/gvproxy || echo "bench: going on without gvproxy"
	$(SUDO) env "PATH=$(dir $(GO)):$$PATH" ./ubridge bench --full --out bench-out

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

generate: ## rebuild the committed eBPF objects
	@test/setup/packages generate
	$(GO) generate ./...

clean: ## remove what was built
	rm -rf ubridge bench-out dist/out
