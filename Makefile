# All output is written to .local/, target/, dist/, tests/node/node_modules and ai_gateway_filter.wasm.

WASM   := ai_gateway_filter.wasm
TARGET := wasm32-wasip1
PYTHON := .local/venv/bin/python

MANIFESTS := Cargo.toml fuzz/Cargo.toml tests/sigv4-verifier/Cargo.toml
SCRIPTS   := .ci/run $(filter-out tests/snippets/%,$(wildcard */*.sh */*/*.sh))

.PHONY: help build cli schema run test lint format unit integration test-tools soak clients test-matrix containers \
	compose-test image image-gateway fuzz deny sbom reproducible bench bench-check bench-profile clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

build: ## Build ai_gateway_filter.wasm
	@tools/setup-rust.sh
	@echo "cargo: building $(WASM)"
	@tools/build-wasm.sh target
	@cp target/$(TARGET)/release/$(WASM) $(WASM)
	@ls -l $(WASM) | awk '{ print $$NF ": " $$5 " bytes" }'

cli: ## Build the command, target/release/ai-gateway-filter
	@tools/setup-rust.sh
	@echo "cargo: building the command"
	@cargo build --quiet --release --package ai-gateway-filter-cli
	@ls target/release/ai-gateway-filter

schema: ## Generate docs/configuration.schema.json from the configuration's types
	@cargo run --quiet --package ai-gateway-filter-cli -- schema > target/schema.json
	@mv target/schema.json docs/configuration.schema.json

run: build ## Run the gateway on localhost, with a mock identity provider and mock LLM providers
	@tools/setup-python.sh tools/requirements.txt
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && exec $(PYTHON) -m tools.run

test: lint unit integration containers ## Run every check and test

# The compose tests, if a Docker engine is running or CI=true lets it start one.
containers:
	@tests/compose/containers.sh

lint: build ## Check formatting, lints and the layout of src/
	@echo "cargo: format and lints"
	@for manifest in $(MANIFESTS); do cargo fmt --all --check --manifest-path $$manifest || exit; done
	@cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
	@cargo clippy --quiet --package ai-gateway-filter --target $(TARGET) -- -D warnings
	@cargo clippy --quiet --package ai-gateway-filter --target $(TARGET) --features faults -- -D warnings
	@cargo clippy --quiet --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target -- -D warnings
	@tools/setup-python.sh tests/requirements.txt
	@echo "ruff, shellcheck: scripts"
	@$(PYTHON) -m ruff check --quiet && $(PYTHON) -m ruff format --check --quiet || { echo "run make format to fix formatting" >&2; exit 1; }
	@.local/venv/bin/shellcheck --severity warning $(SCRIPTS)
	@tools/check-layout.sh

format: ## Format all source files
	@for manifest in $(MANIFESTS); do cargo fmt --all --manifest-path $$manifest || exit; done
	@tools/setup-python.sh tests/requirements.txt
	@$(PYTHON) -m ruff check --quiet --fix && $(PYTHON) -m ruff format --quiet

unit: ## Run the unit tests
	@tools/setup-rust.sh
	@echo "cargo: unit tests"
	@cargo test --quiet --all-features

# Builds a module that traps on request, and the programs that only tests need. None of them is shipped.
test-tools: build
	@echo "cargo: building the module that traps, the load generator, the verifier of AWS signatures"
	@cargo build --quiet --release --package ai-gateway-filter --target $(TARGET) --features faults
	@cp target/$(TARGET)/release/$(WASM) target/ai_gateway_filter_faults.wasm
	@cargo build --quiet --release --package load
	@cargo build --quiet --manifest-path tests/sigv4-verifier/Cargo.toml
	@tools/setup-python.sh tests/requirements.txt
	@tools/setup-node.sh >/dev/null
	@tools/setup-go.sh >/dev/null || echo "go: the tests of the SDK for Go are skipped"
	@echo "cargo: building the command"
	@cargo build --quiet --package ai-gateway-filter-cli

# These measure memory, or put a gateway under load, so nothing else runs beside them.
ALONE := tests/integration/performance/ tests/integration/reload_and_faults/

integration: test-tools ## Test the filter in Envoy with the real SDKs
	@echo "pytest: integration tests"
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && \
		$(PYTHON) -m pytest -q --numprocesses 3 --dist loadfile $(filter-out $(ALONE) %/__pycache__/,$(wildcard tests/integration/*/)) && \
		$(PYTHON) -m pytest -q $(ALONE)

soak: test-tools ## Run the memory tests with a million requests and ten thousand open streams
	@echo "pytest: soak tests"
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m pytest -q -s tests/integration/performance/soak_*.py

clients: build ## Run every SDK against the gateway and write the tables of docs/clients.md
	@tools/setup-python.sh tests/requirements.txt
	@cargo build --quiet --manifest-path tests/sigv4-verifier/Cargo.toml
	@tools/setup-go.sh >/dev/null
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && WRITE_TABLES=1 $(PYTHON) -m pytest -q tests/integration/clients/test_client_matrix.py

test-matrix: test-tools ## Run the integration tests in each supported Envoy and write the table of README.md
	@$(PYTHON) -m tests.matrix

compose-test: build ## Run the integration tests against docker-compose.yml (needs Docker)
	@tools/setup-python.sh tests/requirements.txt
	@tools/setup-node.sh >/dev/null
	@tests/compose/test.sh

image: build ## Write the filter's OCI image dist/ai-gateway-filter.tar, and dist/ai_gateway_filter.wasm with its SHA-256
	@tools/setup-python.sh tools/requirements.txt
	@$(PYTHON) -m tools.image

image-gateway: build ## Build the image ai-gateway with Envoy, filter and bootstrap (needs Docker)
	@tools/image-gateway.sh

fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@tools/setup-fuzz.sh
	@tools/fuzz.sh

deny: ## Check the licences, duplicates, sources and known advisories of all dependencies
	@tools/setup-supply-chain.sh cargo-deny
	@tools/deny.sh

sbom: ## Write dist/ai-gateway-filter.cdx.json, a CycloneDX bill of materials of the module
	@tools/setup-supply-chain.sh cargo-cyclonedx
	@tools/sbom.sh

reproducible: ## Build the last commit twice and check that the modules are equal
	@tools/setup-rust.sh
	@tools/reproducible.sh

bench: ## Measure the filter and Envoy's own filters in four minutes, and write docs/performance.md
	@bench/setup.sh
	@$(MAKE) --no-print-directory build
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m bench

.PHONY: bench-quick bench-micro bench-scale
bench-quick: ## Measure like make bench in less than three minutes, without writing anything
	@bench/setup.sh
	@$(MAKE) --no-print-directory build
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m bench quick

bench-check: ## Measure like make bench, and fail if a budget is exceeded
	@bench/setup.sh
	@$(MAKE) --no-print-directory build
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m bench check

bench-micro: ## Benchmark the modules of the core, native and in Wasm, and write docs/micro-benchmarks.md
	@tools/setup-rust.sh
	@tools/setup-python.sh tools/requirements.txt
	@$(PYTHON) -m bench.micro

bench-scale: ## Measure what grows with workers, providers, bindings and tokens in five minutes, and write docs/scale.md
	@bench/setup.sh
	@$(MAKE) --no-print-directory build
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m bench.scale

bench-profile: ## Show the instructions of the filter by function
	@bench/setup.sh
	@ENVOY=$$(tools/find-envoy.sh) && export ENVOY && $(PYTHON) -m bench.profile

clean: ## Remove all downloaded and generated files
	@rm -rf target fuzz/target fuzz/artifacts tests/sigv4-verifier/target tests/node/node_modules .local dist $(WASM)
