# Everything a developer does, one word each. The work is in scripts/; each target installs what is missing and says so.
.DEFAULT_GOAL := help
.PHONY: help run fleet test check build dev openapi screenshots bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build a release and serve it on http://127.0.0.1:3000 (data in ./data or ORCHWIZ_DATA)
	@scripts/run.sh

fleet: ## three nodes on this machine, to be paired in the browser (PAIR=1: paired already)
	@scripts/fleet.sh

test: ## everything: format, clippy, unit, PostgreSQL, sizes, browser, real agent (STAGES="clippy unit" for some)
	@scripts/test.sh $(STAGES)

check: ## the fast subset, under three minutes warm
	@scripts/setup.sh build
	@scripts/check.sh

build: ## the one file: dist/orchwiz
	@scripts/build.sh

dev: ## build and serve on every change
	@scripts/dev.sh

openapi: ## write docs/openapi.json anew, after REST or what it carries has changed
	@scripts/setup.sh build
	@scripts/openapi.sh

screenshots: ## fill docs/screenshots: each page in both themes
	@scripts/screenshots.sh

bench: ## measure speed and size, write docs/performance.md (not part of make test)
	@scripts/bench.sh
