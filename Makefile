# Two commands: `make demo` and `make test`. Each makes .venv first, once and again when what it depends on changes.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint map mutations bench docs clean

demo: .venv/.installed
	$(BIN)/sciadv demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.map --check

map: .venv/.installed
	$(BIN)/python -m tools.map

mutations: .venv/.installed
	$(BIN)/python tests/mutations.py

bench: .venv/.installed
	$(BIN)/sciadv bench compressed-sensing --quick

docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[docs]'
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going docs docs/_build/html

.venv/.installed: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .runs dist docs/_build docs/api docs/gallery
