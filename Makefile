.DEFAULT_GOAL := help
.PHONY: help setup study benchmark test test-browser test-postgres test-spark bundle test-bundle contract lock clean

PYTHON ?= python3
BIN := .venv/bin
PACTE := $(BIN)/pacte
POPULATION := data/synthetique
INSTALL = $(if $(shell command -v uv),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install --no-input) --quiet

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the lock (uv if found, else pip); nothing when already made
	@$(PYTHON) tools/setup.py

study: setup ## run both studies and render their reports (HTML, docx, PDF)
	test -d $(POPULATION) || $(PACTE) simulate --people 50000 --seed 2019 --out $(POPULATION)
	$(PACTE) run certifiante-2019 --source $(POPULATION)
	$(PACTE) run nsw-lalonde
	$(PACTE) report certifiante-2019
	$(PACTE) report nsw-lalonde

test: setup ## check style, types and layers, then run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not browser and not postgres and not spark and not bundle"

test-browser: setup ## read the pages in Debian's chromium
	@command -v chromium > /dev/null || { echo "make test-browser needs chromium on the PATH: apt install chromium." >&2; exit 2; }
	$(BIN)/python -m pytest -m browser

test-postgres: setup ## read tables from a throw-away PostgreSQL cluster
	@ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || { echo "make test-postgres needs the PostgreSQL server: apt install postgresql." >&2; exit 2; }
	$(BIN)/python -m pytest -m postgres

test-spark: setup ## read tables with Spark, adding it to .venv (430 MB) the first time
	@command -v java > /dev/null || { echo "make test-spark needs Java 17 on the PATH: apt install openjdk-17-jre-headless." >&2; exit 2; }
	@$(BIN)/python -c "import pyspark" 2> /dev/null || $(INSTALL) --no-deps --require-hashes --no-build-isolation --requirement requirements-spark.txt
	$(BIN)/python -m pytest -m spark

benchmark: setup ## time designs and effects beside their peers (15 minutes), adding these to .venv
	@$(BIN)/python -c "import causalinference, diff_diff, ebal, pyfixest" 2> /dev/null || $(INSTALL) --no-deps --require-hashes --no-build-isolation --requirement requirements-benchmarks.txt
	$(BIN)/python benchmarks/designs/speed.py
	for script in matched_path group_time fixed_effects staggered; do $(BIN)/python benchmarks/effects/$$script.py || exit; done

bundle: setup ## write in dist/ all that a machine without network installs from (490 MB)
	$(BIN)/python tools/bundle.py

test-bundle: bundle ## install the bundle in a new environment, without network
	$(BIN)/python -m pytest -m bundle tests/test_bundle.py

contract: setup ## write anew the page and the schemas of the tables' contract (cohorts/contract/)
	$(BIN)/python -m pacte_eval.tables.documentation

lock: ## resolve pyproject.toml anew into uv.lock and the requirements files (needs uv)
	uv lock
	uv export --frozen --quiet --no-emit-project --only-group build --output-file requirements-build.txt
	uv export --frozen --quiet --no-emit-project --only-group spark --output-file requirements-spark.txt
	uv export --frozen --quiet --no-emit-project --only-group benchmarks --output-file requirements-benchmarks.txt
	uv export --frozen --quiet --no-emit-project --output-file requirements.txt

clean: ## remove the environment, caches, synthetic population and generated pages (keeps results/)
	rm -rf .venv dist pages _site $(POPULATION) $(POPULATION)-truth
	rm -rf .cache .hypothesis .import_linter_cache .mypy_cache .numba_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
