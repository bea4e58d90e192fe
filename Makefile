# The two commands of a newcomer: `make demo` shows coach at work, `make test` runs everything that CI runs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)

.PHONY: help demo developing test lint golden bench clean

help:
	@echo "make demo    start an exercise, grade the starter and the reference, and say what to type next"
	@echo "make test    linters, types, layers and the whole test suite"
	@echo "make lint    linters, types and layers alone"
	@echo "make golden  record anew what learners see, for review as a diff"
	@echo "make bench   the figures of benchmarks/README.md"

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "coach needs Python 3.11 or newer; $$($(PYTHON) --version) is \`$(PYTHON)\`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/installed: $(VENV)/bin/uv pyproject.toml
	@echo "Installing coach into $(VENV) …"
	@uv pip install --quiet --python $(BIN)/python --editable .
	@touch $@

$(VENV)/developing: $(VENV)/installed
	@uv pip install --quiet --python $(BIN)/python --editable . --group dev
	@touch $@

developing: $(VENV)/developing

demo: $(VENV)/installed
	@docs/demo.sh

lint: $(VENV)/developing
	@ruff check
	@ruff format --check
	@mypy
	@lint-imports

test: lint
	@python -m pytest

golden: $(VENV)/developing
	@python -m pytest tests/test_golden.py --record

bench: $(VENV)/developing
	@python -m benchmarks

clean:
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
