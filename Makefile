.DEFAULT_GOAL := help
.PHONY: help setup study test test-browser lock clean

PYTHON ?= python3
BIN := .venv/bin
PACTE := $(BIN)/pacte
POPULATION := data/synthetique

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
	$(BIN)/python -m pytest -m "not browser"

test-browser: setup ## read the pages in Debian's chromium
	@command -v chromium > /dev/null || { echo "make test-browser needs chromium on the PATH: apt install chromium." >&2; exit 2; }
	$(BIN)/python -m pytest -m browser

lock: ## resolve pyproject.toml anew into uv.lock and the requirements files (needs uv)
	uv lock
	uv export --frozen --quiet --no-emit-project --only-group build --output-file requirements-build.txt
	uv export --frozen --quiet --no-emit-project --output-file requirements.txt

clean: ## remove the environment, caches, synthetic population and generated pages (keeps results/)
	rm -rf .venv dist pages _site $(POPULATION) $(POPULATION)-truth
	rm -rf .cache .hypothesis .import_linter_cache .mypy_cache .numba_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
