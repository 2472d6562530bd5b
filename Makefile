# labmon_dagster: `make run` starts the lab, `make test` tests it. `make help` lists the rest.
PYTHON ?= python3.11
BIN    := .venv/bin
export LABMON_HOME ?= $(CURDIR)/var
export DAGSTER_DISABLE_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help install run test check bench constraints clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## make .venv with labmon and dg in .venv/bin

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

run: install ## check the lab, start Dagster and simulated instruments; Ctrl-C stops all
	@exec $(BIN)/labmon up

test: install ## the whole test suite
	$(BIN)/python -m pytest -n 2

check: install ## format, lint, types, import laws, definitions, the lab's YAML
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dg check defs
	$(BIN)/labmon check

bench: install ## measure against what users would use instead
	$(BIN)/python -m benchmarks

constraints: ## resolve constraints.txt anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev -o constraints.txt pyproject.toml

clean: ## remove the environment and caches; the data in var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis *.egg-info
