# labmon_dagster: `make run` starts the lab, `make test` tests it. `make help` lists the rest.
PYTHON ?= python3.11
BIN    := .venv/bin
MINUTES ?= 30
POLLS ?= 2000
SEED ?= 1
export LABMON_HOME ?= $(CURDIR)/var
export DAGSTER_DISABLE_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help install run test check bench soak-devices soak-backfill soak-many soak-udp soak-hang soak-disk soak-records soak-station soak-cosmic constraints clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

soak-devices: install ## faults, outages, kills (MINUTES, SEED): a second reader looks for every reply
	$(BIN)/python -m labmon_dagster_tests.soak.devices --minutes $(MINUTES) --seed $(SEED) --json $(LABMON_HOME)/soak/devices.json

soak-backfill: install ## a day of devices (POLLS of each, SEED) delivered twice: the same bytes
	$(BIN)/python -m labmon_dagster_tests.soak.backfill --polls $(POLLS) --seed $(SEED) --json $(LABMON_HOME)/soak/backfill.json

soak-many: install ## 200 emulated devices, every second for five minutes, one collector
	$(BIN)/python -m labmon_dagster_tests.soak.many --out $(LABMON_HOME)/soak/many.json

soak-udp: install ## 5,000 pushed datagrams a second for a minute, then more than can be taken
	$(BIN)/python -m labmon_dagster_tests.soak.udp --out $(LABMON_HOME)/soak/udp.json

soak-hang: install ## devices that hang in every way beside good ones, which must not notice
	$(BIN)/python -m labmon_dagster_tests.soak.hang --out $(LABMON_HOME)/soak/hang.json

soak-disk: install ## a disk that fills below the collector, and is made free again
	$(BIN)/python -m labmon_dagster_tests.soak.disk --out $(LABMON_HOME)/soak/disk.json

soak-records: install ## eight processes change the same runs and streams, and are killed: no promise broken
	$(BIN)/python -m labmon_dagster_tests.soak.lab_records.soak --seed $(SEED) --out $(LABMON_HOME)/soak/records.json

soak-station: install ## four programs and two servers are killed (MINUTES, SEED): every write is in both, once
	$(BIN)/python -m labmon_dagster_tests.soak.station.soak --minutes $(MINUTES) --seed $(SEED) --out $(LABMON_HOME)/soak/station.json

soak-cosmic: install ## broker, collector and MongoDB come and go (MINUTES, SEED) at 1,000 events/s: each is stored once
	$(BIN)/python -m labmon_dagster_tests.soak.cosmic.soak --minutes $(MINUTES) --seed $(SEED) --out $(LABMON_HOME)/soak/cosmic.json

constraints: ## resolve constraints.txt anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev -o constraints.txt pyproject.toml

clean: ## remove the environment and caches; the data in var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis *.egg-info
