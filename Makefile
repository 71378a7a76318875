# What there is to do here; `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PREFIX ?= $(HOME)/.local
DESTDIR ?=
.PHONY: help build install deb try-deb run demo man test test-agents agents bench soak screenshots lint install-deps clean

# Tests, lints and the programs that they run share one profile, one set of features and one target
# directory, so that no crate is compiled twice for the same purpose.
TEST_FEATURES := --features magia-app/inspection
# With the tests that run real agents, which only `make test-agents` builds.
ALL_FEATURES := $(TEST_FEATURES),magia-tests/agents

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

build: ## the three programs, optimised, in target/release
	@scripts/deps.sh build
	cargo build --release --package magia-app --package magia
	scripts/static.sh magia-hook-handler

install: build ## the programs, manual pages, completions and menu entry, for one user (PREFIX, DESTDIR)
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh

deb: build ## a Debian package, in target/deb
	@scripts/deps.sh package
	scripts/deb.sh
	lintian --fail-on error target/deb/*.deb

try-deb: ## install, run and remove the package in a Debian of its own (as root)
	@scripts/deps.sh package
	scripts/deb-try.sh

run: ## build, then start the window (without a display: the app alone)
	@scripts/deps.sh window
	@$(MAKE) --no-print-directory build
	@scripts/run.sh

demo: build ## a private instance that plays a recorded session
	target/release/magia demo

man: ## the manual pages, in target/man; nothing is installed
	cargo run --quiet --package magia -- man target/man

lint: ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(ALL_FEATURES) -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; \
	  else echo "cargo-deny is not installed: licences, bans and sources are not checked"; fi

test: ## lints, and every test that needs no real agent
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory lint
# With --tests, so that the programs get the same dependencies, with the same features, as the tests.
	cargo build --workspace --bins --tests $(TEST_FEATURES)
	cargo test --workspace $(TEST_FEATURES)
# The handler once more with the C library that it is built with for use: it starts otherwise.
	@if target=$$(scripts/musl.sh); then cargo test --package magia-hook-handler --target "$$target"; fi

agents: ## the pinned agent CLIs, in .agents
	@scripts/deps.sh agents
	@scripts/agents.sh

test-agents: agents ## the tests that run the real agent CLIs against a fake model
	cargo build --workspace --bins $(ALL_FEATURES) --test 'agents_*'
# The agents call the handler as it is built for use.
	scripts/static.sh magia-hook-handler
	install -m 755 target/release/magia-hook-handler target/debug/magia-hook-handler
# With a program (which has no tests of its own): the tests alone would get other features of their dependencies, and
# all of those would be compiled a second time.
	cargo test --workspace $(ALL_FEATURES) --no-fail-fast --bin magia-app --test 'agents_*'

bench: build ## the figures of the README
	@scripts/deps.sh bench
	scripts/bench.sh

soak: build ## thirty terminals, then two hundred clients, ten minutes each: nothing lost, nothing left over
	cargo build --release --package magia-bench
	target/release/magia-bench soak
	target/release/magia-bench soak-clients

screenshots: build ## the pictures of the README
	@scripts/deps.sh test
	scripts/screenshots.sh

install-deps: ## the Debian packages for all of the above
	@scripts/deps.sh bench
	@scripts/deps.sh agents

clean: ## remove what was built and installed here
	cargo clean
	rm -rf .agents
