# Each target makes the environment it needs; a fresh Debian with Python 3.11, pip, venv and make is enough.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Show prices, a ranking and a NodePool (simulated where there is no network)
	$(BIN)/spotcast demo

.PHONY: setup
setup: $(READY) ## Make the environment: locked, hashed dependencies and this project, editable

# The lock names every package, so nothing is left to resolve; without --no-deps older pips look up
# coverage[toml] anew and refuse it unpinned as soon as a newer coverage is out.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --disable-pip-version-check
	touch $@

.PHONY: check
check: lint types contracts cover wheel ## All that CI runs

.PHONY: format
format: $(READY) ## Rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: $(READY) ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(READY) ## mypy and pyright, both strict
	$(BIN)/mypy
	$(BIN)/basedpyright

.PHONY: contracts
contracts: $(READY) ## Who may import whom
	$(BIN)/lint-imports

# One process per core: threads of OpenMP would only wait for each other, with all their might.
# The same holds for those of DuckDB, which takes their number from Slurm's variable.
# Compiled modules are kept, whatever the caller's shell says: each process compiled all tests anew.
EACH_CORE := OMP_NUM_THREADS=1 SLURM_CPUS_ON_NODE=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses auto --dist worksteal

.PHONY: test
test: $(READY) ## The tests: no network, no account, no cluster
	$(EACH_CORE)

.PHONY: cover
cover: $(READY) ## The same, with the share of the code that they run; takes twice as long
	$(EACH_CORE) --cov

.PHONY: cluster
cluster: ## Build a real control plane, kwok and Karpenter for the tests, once (Go; twelve minutes)
	bash deploy/cluster/build

.PHONY: prometheus
prometheus: ## Build promtool, Prometheus and Alertmanager for the tests, once (Go; eight minutes)
	bash deploy/prometheus/build

.PHONY: test-cluster
test-cluster: $(READY) ## The tests against them; skipped where `make cluster` or `make prometheus` has not been run
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m cluster tests/cluster

.PHONY: smoke-cluster
smoke-cluster: $(READY) ## A few of these tests that together touch every part
	$(BIN)/pytest --numprocesses 2 --dist worksteal -m smoke tests/cluster

.PHONY: month
month: $(READY) ## A month of all jobs by a fake clock, with receivers that fail and thirty kills
	MONTH_DAYS=30 $(BIN)/pytest -q tests/api/test_month_of_jobs.py tests/api/test_jobs_month.py tests/api/delivery/test_month.py

.PHONY: fuzz
fuzz: $(READY) ## Some 8,000 generated requests to every operation of the HTTP API
	SPOTCAST_FUZZ_CASES=60 $(BIN)/pytest --numprocesses auto --dist worksteal tests/api/http/test_openapi.py

.PHONY: bench
bench: $(READY) ## Measure against limits and peers, as ratios
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python -m benchmarks.risk
	$(BIN)/python -m benchmarks.ranking
	$(BIN)/python -m benchmarks.packing
	$(BIN)/python -m benchmarks.collecting

.PHONY: bench-api
bench-api: $(READY) ## The HTTP server under load on 20 million price rows; ten minutes the first time
	$(BIN)/python -m benchmarks.api

.PHONY: docs
docs: $(READY) ## Write docs/data.md from the schema, docs/settings.md from the sections
	$(BIN)/spotcast schema --output docs/data.md
	$(BIN)/spotcast config docs --output docs/settings.md

.PHONY: wheel
wheel: $(READY) ## Build the wheel, install it elsewhere and run it from an empty folder
	PYTHON=$(abspath $(BIN)/python) bash .ci/wheel

.PHONY: lock
lock: $(READY) ## Pin all dependencies anew, with hashes and without index addresses
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --upgrade --quiet -o requirements.lock
