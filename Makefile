# The commands of the project. Everything runs from .venv, which is made from hash-pinned locks alone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# Whoever has forbidden Python to keep its bytecode would wait for each of hundreds of processes to read all again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo install system lint test soak bench package docs lock clean .lint-types .lint-windows .lint-rest

PYTHON ?= python3
VENV ?= .venv
VENV_PACKAGE := .venv-package
PEER := .venv-peer
BIN := $(VENV)/bin
PIP_INSTALL_OPTIONS := -m pip install --quiet --disable-pip-version-check --no-input
LOCK_INSTALL := $(BIN)/python $(PIP_INSTALL_OPTIONS) --require-hashes
PROJECT_INSTALL := $(BIN)/python $(PIP_INSTALL_OPTIONS) --no-deps --no-build-isolation --editable .
PEER_INSTALL := $(PEER)/bin/python $(PIP_INSTALL_OPTIONS) --require-hashes

# What the tests need from Debian: strace watches the order of flush and send, the browser looks at the console's pages,
# node runs the Postman collections, openssl makes the certificate of a webhook's receiver, PostgreSQL serves the portal's tests.
# dpkg, binutils and debootstrap are for the packages: the last one makes the bare Debian in which they are tried.
SYSTEM_PACKAGES := binutils=objcopy chromium-headless-shell chromium-driver=chromedriver curl dash debootstrap dpkg=dpkg-deb git nodejs=node npm=npm \
	openssl postgresql=initdb strace
# Three workers, because many tests wait for a wire; each takes a whole file (tests/conftest.py), the long ones first.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --no-loadscope-reorder

help: ## lists these commands
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.demo ## starts the connector with virtual terminals on this computer
	@exec $(BIN)/tillbridge demo $(DEMO_ARGS)

install: $(VENV)/.dev ## sets up .venv with everything for development

system: ## installs what the tests need from Debian, or prints the command for it
	@scripts/system-packages $(SYSTEM_PACKAGES)

lint: $(VENV)/.dev ## runs every static check
	@$(MAKE) --no-print-directory --jobs 2 --output-sync .lint-types .lint-windows .lint-rest

.lint-types:
	$(BIN)/mypy

.lint-windows:
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows src

.lint-rest:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

test: system lint $(VENV)/.read ## runs the static checks and all tests
	$(PYTEST) -m "not soak" $(PYTEST_ARGS)

soak: system lint $(VENV)/.read ## runs all tests and every point of the long walks, with real processes
	$(PYTEST) $(PYTEST_ARGS)

bench: $(VENV)/.dev $(PEER)/.made ## prints the figures that the README quotes
	@$(BIN)/python -m benchmarks --peer $(PEER)/bin/python $(BENCH_ARGS)

package: $(VENV_PACKAGE)/.made ## builds a version that needs no Python, into build/version (PACKAGE_ARGS for more)
	@$(VENV_PACKAGE)/bin/tillbridge release build --into build/version $(PACKAGE_ARGS)

docs: $(VENV)/.dev ## writes the pages of docs/reference that are drawn from tables of the code
	$(BIN)/python -m scripts.reference

lock: $(VENV)/.dev ## resolves the locks again (LOCK_ARGS=--upgrade for newer releases)
	scripts/lock $(BIN)/uv $(LOCK_ARGS)

clean: ## removes environments, caches and builds
	rm -rf $(VENV) $(VENV_PACKAGE) $(PEER) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis .coverage* build dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than the locks that they were made from, so that a command which has nothing to do starts at once.
$(VENV)/.made: scripts/make-venv
	@scripts/make-venv $(PYTHON) $(VENV)
	@touch $@

# What the connector and the portal need, and no more: the demo runs both.
$(VENV)/.demo: requirements/demo.txt requirements/build.txt pyproject.toml | $(VENV)/.made
	@echo "Installing tillbridge and what it needs into $(VENV)"
	@$(LOCK_INSTALL) -r requirements/demo.txt -r requirements/build.txt
	@$(PROJECT_INSTALL)
	@touch $@

# The development lock holds the pins of all the others too (tests/architecture checks it).
$(VENV)/.dev: requirements/dev.txt requirements/demo.txt requirements/build.txt pyproject.toml | $(VENV)/.made
	@echo "Installing tillbridge and its development tools into $(VENV)"
	@$(LOCK_INSTALL) -r requirements/dev.txt
	@$(PROJECT_INSTALL)
	@touch $(VENV)/.demo $@

# pytest writes each file of tests as bytecode of its own. On a new computer every worker would do so for every file, and
# all at once: half of the files by each of two processes first is minutes less.
$(VENV)/.read: $(VENV)/.dev
	@echo "Reading the tests for the first time"
	@ls -d tests/*/ | xargs -n 3 -P 2 $(BIN)/python -m pytest --collect-only -qq --numprocesses 0 > $@.log 2>&1 || { cat $@.log; exit 1; }
	@rm $@.log
	@touch $@

$(PEER)/.made: requirements/bench-peer.txt requirements/bench-peer-build.txt
	@scripts/make-venv $(PYTHON) $(PEER)
	@$(PEER_INSTALL) -r requirements/bench-peer-build.txt
	@$(PEER_INSTALL) --no-build-isolation -r requirements/bench-peer.txt
	@touch $@
