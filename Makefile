# Steersman. The two commands of the README are `make demo` and `make test`;
# both do all the set-up on a machine that has Go and Node.

SHELL := /bin/bash
GO    ?= go
WEB   := console/web
BIN   := bin/steersman

# By how much the demo's deadlines are stretched: 1 is for an idle machine with two cores.
PATIENCE ?= 1
FUZZ     ?= 2000x

export CGO_ENABLED ?= 0

.PHONY: demo test build web go check race lint fuzz console-test demo-check soak api packages clean

demo: build ## A small shop, its load, its faults, and Steersman beside them
	$(BIN) demo

test: web packages ## The one gate
	$(GO) test ./...

build: web go ## bin/steersman with its console

go:
	$(GO) build -trimpath -ldflags '-s -w' -o $(BIN) ./cmd/steersman

web: $(WEB)/dist/index.html

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	cd $(WEB) && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html -type f 2>/dev/null)
	cd $(WEB) && npm run --silent build

api: ## The OpenAPI document and the console's types, after a change of console/api
	$(GO) test ./console/api -run TestDocumentIsCurrent -write
	cd $(WEB) && npm run --silent api

check: lint test race fuzz console-test demo-check ## All that CI runs

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt these:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

race: ## The race detector needs cgo and a C compiler
	CGO_ENABLED=1 $(GO) test -race -short ./...

fuzz: ## Every decoder, for so many inputs each, or so long: FUZZ=10s
	scripts/fuzz.sh $(FUZZ)

console-test: build packages
	cd $(WEB) && npm run --silent check && npm test --silent && npm run --silent e2e
	scripts/console-real.sh $(BIN)

demo-check: build ## The demo without a screen, with a deadline for each beat
	$(BIN) demo --check --patience $(PATIENCE)

soak: build ## The demo twenty times, then twenty times with every core kept busy
	scripts/soak.sh $(BIN) 20

packages: ## What the tests run beside us: a browser, a Prometheus, an Alertmanager
	@missing=; \
	for p in chromium:chromium prometheus:prometheus prometheus-node-exporter:prometheus-node-exporter prometheus-alertmanager:prometheus-alertmanager; do \
	  command -v $${p%%:*} >/dev/null || missing="$$missing $${p##*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else \
	    echo "These tests will be skipped until you install:$$missing (Debian: sudo apt-get install$$missing)"; \
	  fi; \
	fi

clean:
	rm -rf bin $(WEB)/dist/assets $(WEB)/dist/index.html
