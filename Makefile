# Two commands: `make demo` and `make test`. Each makes .venv first, once and again when what it depends on changes.
PYTHON ?= python3
BIN := .venv/bin
# uv installs where it is there, pip elsewhere; both say nothing but errors.
UV := $(shell command -v uv 2>/dev/null)
VENV := $(if $(UV),$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv,$(PYTHON) -m venv .venv)
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install -qq --disable-pip-version-check)
INSTALL += --constraint .ci/constraints.txt --editable

.PHONY: demo test lint map mutations bench docs wheel prior-files clean

demo: .venv/.runs-demo
	@$(BIN)/sciadv demo

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
	@$(INSTALL) '.[docs]'
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going docs docs/_build/html

# The wheel, which may have 8 MB: dist/sciadv-*.whl.
wheel: .venv/.runs-demo
	@rm -f dist/*.whl
	@$(if $(UV),$(UV) build --quiet --wheel --out-dir dist .,$(BIN)/python -m pip wheel -qq --no-deps --wheel-dir dist .)
	@$(BIN)/python -m tools.prior_files --wheel dist/*.whl

# The table of the priors' files and their hashes: priors/files.toml.
prior-files: .venv/.runs-demo
	$(BIN)/python -m tools.prior_files

.venv/.runs-demo: pyproject.toml .ci/constraints.txt
	@echo "Installing sciadv into .venv, once: some minutes of downloads."
	@$(VENV)
	@$(INSTALL) .
	@touch $@

.venv/.installed: .venv/.runs-demo
	@echo "Installing what the tests need into .venv, once: some minutes of downloads."
	@$(INSTALL) '.[test]'
	@touch $@

clean:
	rm -rf .venv .runs dist docs/_build docs/api docs/gallery docs/tutorials docs/theory
