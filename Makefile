# The everyday commands. `make` alone lists them. Each line below can also be typed by itself.
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help install test lowest hashes check format slow demo keys docs build

help:  ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

install:  ## make .venv and install crtui in it for development
	python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[dev]'

test:  ## run every test that takes seconds, on all cores
	$(PYTHON) -m pytest -n auto

lowest:  ## run them at the lowest versions that pyproject.toml allows, in .venv-lowest
	.ci/lowest

hashes:  ## write constraints-hashed.txt anew, after constraints.txt has changed
	.ci/hashes

check:  ## look for mistakes without running anything: lint, format, types, direction of imports
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

format:  ## rewrite the code in the house's format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

slow:  ## run the tests that take minutes: more faults, killed writers, the loan of a GPU rehearsed, the wheel
	$(PYTHON) -m pytest -m slow

demo:  ## train twelve small models, rank them, and show the dashboard
	.venv/bin/crtui demo

keys:  ## write the table of keys into docs/dashboard.md
	$(PYTHON) -m cr_tui.dashboard.keys.key_table docs/dashboard.md

docs:  ## build the documentation site into build/docs; every warning is an error
	$(PYTHON) -m sphinx -q -W --keep-going docs build/docs

build:  ## build the source archive and the wheel into dist/
	.venv/bin/pip install -q build && $(PYTHON) -m build
