# Two commands on a fresh machine: `make demo` and `make test`. Both make their own .venv with pinned packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-recipe lint bench regress wheel clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/claimhound demo

test: $(READY) lint
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# The Makefile of the models on about one per cent of the data, which must lie at ../shared/datasets.
test-recipe: $(READY)
	MODEL_RECIPE=1 $(BIN)/python -m pytest tests/test_model_recipe.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.benchmarks $(BENCH)

# Every stage's figures on the real data in DATA beside the stored ones; fails where one falls beyond chance.
regress: $(READY)
	$(BIN)/python -m tests.benchmarks.regress $(DATA) $(REGRESS)

wheel: $(READY)
	$(BIN)/python -m build --wheel --outdir dist .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("claimhound needs Python 3.11 or newer; name one with: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/claimhound  # the checkout under its package's name, for mypy
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
