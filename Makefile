# Two commands: `make conformance` judges a method, `make test` runs this project's own tests. Each sets up what it needs.

PYTHON ?= python3
VENV ?= .venv
METHOD ?= mu_conformance.methods:Retrain
ARGS ?=

export OMP_NUM_THREADS = 1

.PHONY: conformance test lint

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
# Pinned first: an unpinned torch brings gigabytes of CUDA packages.
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

conformance: $(VENV)/installed
	$(VENV)/bin/python -m pytest -n 2 --method $(METHOD) $(ARGS)

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
