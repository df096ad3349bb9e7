PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install quickstart test format lint type check bench docs clean

help:  ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

install: $(INSTALLED)  ## create .venv and install the project with its tools

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "agentsim-env needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: install  ## train a router and compare it with the rules, two minutes
	$(BIN)/agentsim quickstart

# Tests start a hundred processes, each of which would parse all sources again.
test: export PYTHONDONTWRITEBYTECODE =
test: install  ## run the tests, on all cores
	$(BIN)/python -m pytest -n auto --dist worksteal

format: install  ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lint: install  ## look for mistakes, style, and imports against the plan
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

type: install  ## check the types
	$(BIN)/pyright --pythonpath $(BIN)/python

check: lint type test  ## all that has to pass before a change is sent

bench: install  ## print the benchmarks of speed
	$(BIN)/python -m benchmarks.speed

docs: install  ## write the generated pages and pictures
	$(BIN)/python -m agentsim_env.scenario.reference > docs/scenario.md
	$(BIN)/python -m agentsim_env.registration > docs/environments.md
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/concepts.py

clean:  ## remove the environment and what tools leave behind
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
