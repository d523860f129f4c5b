# `make` lists the targets. Everything that is fetched or built for them lands in .build and target.

POCKETBASE_VERSION := 0.40.6
NEXTEST_VERSION    := 0.9.143
DENY_VERSION       := 0.20.2
FUZZ_VERSION       := 0.13.1

# How long `make fuzz` stays with each target.
FUZZ_SECONDS ?= 60

# Against these the scenarios run in `make test-matrix`: of each step in what PocketBase does, the last release.
MATRIX := 0.23.12 0.28.4 0.36.9 0.39.11 $(POCKETBASE_VERSION)

POCKETBASE := .build/pocketbase/$(POCKETBASE_VERSION)/pocketbase

# rustup or debian; by itself the script takes rustup's target where that can be had.
export RULES_TOOLCHAIN ?=

# The examples: a crate each, and those in other languages; what the kit has of the contract in each language.
example_rules   := $(patsubst %/Cargo.toml,%,$(wildcard rules-examples/*/Cargo.toml))
example_folders := $(filter-out $(example_rules),$(patsubst %/rule.toml,%,$(wildcard rules-examples/*/rule.toml)))
kit_folders     := $(patsubst %/rule.toml,%,$(wildcard tests/guests/conformance/*/rule.toml))
guest_crates    := rule-sdk $(example_rules)

.DEFAULT_GOAL := help
.PHONY: help run test test-matrix rules rust-rules lint bench bench-edge bench-rules bench-sockets fuzz soak setup clean pocketbase test-rules guests peer sdk python-sdk nextest deny cargo-fuzz browser

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: pocketbase rust-rules ## the gateway before a PocketBase with demo data, and a tour to paste
	cargo build --release --package hapta
	.ci/demo

test: setup ## every test: unit, end to end, the SDKs, the rules and the documentation
	POCKETBASE=$(abspath $(POCKETBASE)) cargo nextest run --workspace
	cargo test --workspace --doc
	set -e; for crate in $(guest_crates); do (cd $$crate && cargo test); done

test-matrix: setup ## the scenarios against each PocketBase of MATRIX, and a table
	.ci/test-matrix $(MATRIX)

rules: rust-rules ## the example rules to .build/rules; RULES_TOOLCHAIN=debian for Debian's compiler
	.ci/build-folders .build/rules $(example_folders)

# Those in Rust alone: all that the demo needs, and no command has to be there to build them.
rust-rules:
	.ci/build-rules .build/rules $(example_rules)

lint: deny ## formatting, clippy without warnings, licences and sources of what we depend on
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	set -e; for crate in $(guest_crates) tests/rules tests/guests/wasip2 tests/guests/conformance/rust; do \
		(cd $$crate && cargo fmt --all --check && cargo clippy --all-targets -- -D warnings); done
	cd gateway/fuzz && cargo fmt --all --check && cargo clippy -- -D warnings
	set -e; for crate in gateway/benches/peer gateway/benches/peer/guest; do (cd $$crate && cargo fmt --check); done
	cargo deny --workspace check bans licenses sources

# Measured as it is deployed. Over sockets that is the very binary: the one that `cargo bench` makes beside
# the bench has the test features of the dependencies on.
bench: pocketbase rules test-rules ## speed, layer by layer: a table, and target/bench/bench.json
	gateway/benches/setup
	cargo build --profile dist --package hapta
	install -D target/dist/hapta target/bench/hapta
	HAPTA=$(abspath target/bench/hapta) cargo bench --profile dist --package hapta --bench bench

bench-edge: pocketbase rules test-rules ## sessions, limits, and a flood of logins: a table, and target/bench/bench-edge.json
	cargo build --profile dist --package hapta
	install -D target/dist/hapta target/bench/hapta
	HAPTA=$(abspath target/bench/hapta) cargo bench --profile dist --package hapta --bench edge

bench-rules: rules test-rules guests peer ## speed of the rule engine: a table, and target/bench/bench-rules.json
	cargo build --profile dist --package hapta
	install -D target/dist/hapta target/bench/hapta
	HAPTA=$(abspath target/bench/hapta) cargo bench --profile dist --package hapta --bench rules

bench-sockets: pocketbase rules test-rules ## live records to ten thousand clients: a table, and target/bench/bench-sockets.json
	cargo build --profile dist --package hapta
	install -D target/dist/hapta target/bench/hapta
	HAPTA=$(abspath target/bench/hapta) cargo bench --profile dist --package hapta --bench sockets

soak: setup ## a thousand reloads of one gateway, which leave memory, descriptors, threads and mappings as they were; and ten thousand writes, of which two people are told what is theirs
	cargo build --profile dist --package hapta
	POCKETBASE=$(abspath $(POCKETBASE)) HAPTA=$(abspath target/dist/hapta) HAPTA_RELOADS=1000 \
		HAPTA_WRITES=10000 cargo nextest run --package hapta-tests --no-capture reloads_leave_nothing_behind live::order

fuzz: cargo-fuzz rules test-rules nextest ## the parsers, the loader, values and edits against made-up input, a minute each; FUZZ_SECONDS=5 for less (needs a C++ compiler)
	.ci/fuzz $(FUZZ_SECONDS)
	HAPTA_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo nextest run --package hapta-tests --no-capture loader::
	PROPTEST_CASES=20000 cargo nextest run --package hapta convert:: document::

setup: pocketbase rules test-rules guests sdk python-sdk browser nextest ## all that the tests need, and no test

clean: ## removes what was built and fetched
	cargo clean
	rm -rf .build tests/sdk/node_modules tests/browser/node_modules tests/guests/js/node_modules tests/guests/conformance/*/node_modules tests/guests/conformance/*/build tests/guests/conformance/*/target tests/guests/conformance/*/.hapta rules-examples/*/.venv rules-examples/*/__pycache__ rules-examples/*/node_modules rules-examples/*/build rules-examples/*/.hapta tests/guests/wasip2/target rule-sdk/target rules-examples/*/target tests/rules/target

pocketbase:
	.ci/fetch-pocketbase $(POCKETBASE_VERSION) $(POCKETBASE)

test-rules:
	.ci/build-rules .build/test-rules tests/rules

# Rules in JavaScript and Python, one for WASI, and in each language one that calls all of the contract.
# After the rules: the target and the tools that both need are fetched there.
guests: rules
	.ci/build-guests .build/guests
	.ci/build-folders .build/guests $(kit_folders)

# The nearest peer's form of a rule, with a wasmtime of its own: it takes minutes, once.
peer:
	.ci/build-rules .build/peer gateway/benches/peer/guest
	cd gateway/benches/peer && CARGO_TARGET_DIR=$(abspath .build/peer-target) cargo build --locked --profile dist

sdk: tests/sdk/node_modules/.package-lock.json

tests/sdk/node_modules/.package-lock.json: tests/sdk/package-lock.json
	cd tests/sdk && npm ci --no-audit --no-fund
	touch $@

# A Chromium, and what drives it.
browser: tests/browser/node_modules/.package-lock.json
	@.ci/fetch-browser >/dev/null

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund
	touch $@

python-sdk:
	.ci/fetch-python-sdk .build/python

nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest --version $(NEXTEST_VERSION)

deny:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version $(DENY_VERSION)

cargo-fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz --version $(FUZZ_VERSION)
