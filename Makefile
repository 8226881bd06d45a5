# Sets up the project on a machine with Python 3.11 or newer and make, without root, and runs it.
#
# Each lock file has a stamp in .venv: a second call finds it and does no work.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-strip-extras --custom-compile-command "make lock" $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help install demo test check mutants bench lock clean

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.check ## Set up everything that demo, test and check need

demo: .venv/.demo ## Start the sample host and KalTalk on this machine, with people to sign in as
	@exec $(BIN)/python app.py

test: .venv/.test ## Run the tests (make test ARGS="-k token")
	$(BIN)/python -m pytest $(ARGS)

check: .venv/.check ## Check style, types, imports, templates and the built wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint --lint --quiet templates kaltalk_iv/templates
	$(BIN)/python -m tests.support.wheel

mutants: .venv-mutants/.done ## Change the rules one by one in a copy, and see that a test notices each (some minutes)
	.venv-mutants/bin/python -m tests.support.mutants $(ARGS)

bench: .venv-bench/.done bench/peers/node_modules/.done ## Measure, the peers too (some hours; make bench ARGS="identify --quick")
	.venv-bench/bin/python -m bench $(ARGS)

lock: | .venv/bin/pip ## Make the lock files again from requirements/*.in (make lock ARGS=--upgrade)
	$(PIP_INSTALL) uv
	cd requirements && for name in demo test check server granian mutants bench; do \
		../$(LOCK) $$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## Remove .venv and all that was built or cached
	rm -rf .venv .venv-mutants .venv-bench mutants build dist htmlcov .coverage test-results bench/results
	rm -rf tests/node/node_modules bench/peers/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/pip:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1), and this needs Python 3.11 or newer: make PYTHON=python3.12" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; }
	"$(PYTHON)" -m venv --clear .venv

# A larger lock file holds all of the smaller ones, so its stamp sets theirs.
.venv/.demo: requirements/demo.txt | .venv/bin/pip
	@# --no-compile: the demo answers a second or two sooner; Python compiles what it imports, and pip all that there is.
	$(PIP_INSTALL) --no-compile --require-hashes --requirement $<
	@touch $@

.venv/.test: requirements/test.txt | .venv/bin/pip
	$(PIP_INSTALL) --require-hashes --requirement $<
	@touch .venv/.demo $@

.venv/.check: requirements/check.txt | .venv/bin/pip
	$(PIP_INSTALL) --require-hashes --requirement $<
	@touch .venv/.demo .venv/.test $@

# Apart from .venv: what mutmut needs is of no use to anything else.
.venv-mutants/.done: requirements/mutants.txt | .venv/bin/pip
	.venv/bin/python -m venv --clear .venv-mutants
	.venv-mutants/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# Apart from .venv: the peers are of no use to anything else.
.venv-bench/.done: requirements/bench.txt | .venv/bin/pip
	.venv/bin/python -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# better-sqlite3 is compiled where no built one can be fetched: from Debian's headers (apt install libnode-dev), if there.
bench/peers/node_modules/.done: bench/peers/package-lock.json
	cd bench/peers && $(if $(wildcard /usr/include/node/node.h),npm_config_nodedir=/usr) npm ci --no-audit --no-fund
	@touch $@
