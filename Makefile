# Everything lives in .venv of this checkout: nothing is installed elsewhere, nothing is needed
# but a Python of 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# A third process beside two cores: much of the suite waits for servers that it has started.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
# What `make mutants` tries: all of them, or a part, as in MUTANTS='domain.limits.*'.
MUTANTS ?=
MUTMUT_ARGS ?= --max-children 2

.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint cover bench bite screenshots mutants nightly sbom clean

help: ## List what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.project ## Make .venv with the pinned dependencies and this project in it

demo: install ## Watch three cash-outs go from request to completed
	@$(BIN)/cashout demo

dev: install ## Run API, worker and provider sandbox over a database file
	@$(BIN)/cashout dev

test: install ## Run the whole suite, with a real PostgreSQL and a real NATS
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: install ## Check style, format, types, layers and dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

cover: install ## Run the suite with branch coverage: 100 % of the core, 90 % of the rest
	@$(BIN)/coverage erase
	@# the simulator runs the same code again, thousands of times: traced, it takes for ever
	@$(BIN)/coverage run -m pytest $(PYTEST_ARGS) --ignore=tests/simulation
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include='domain/*,application/*' --fail-under=100
	@$(BIN)/coverage report --include='adapters/*,entrypoints/*' --fail-under=90

bench: install ## Our speed beside its limits, some minutes: BENCH_ARGS='--rounds 5 --seconds 5'
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

bite: install ## Plant each known bug in a copy: is it found? BITE_ARGS='--only fee'
	@$(BIN)/python -m tests.planted $(BITE_ARGS)

screenshots: install ## Picture the console's main pages anew, into docs/screenshots/
	@SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/console/test_screenshots.py

mutants: $(VENV)/.nightly ## Change domain and application a little, everywhere: does a test notice?
	@# an old verdict may be wrong once a test has changed: all of them means from the start
	@$(if $(MUTANTS),,rm -rf mutants)
	@# no test takes a second: one that hangs ends its mutant at once, not after ten times all tests
	@PYTEST_ADDOPTS='-o faulthandler_timeout=15' \
	  $(BIN)/mutmut run $(MUTMUT_ARGS) $(if $(MUTANTS),'$(MUTANTS)')
	@$(BIN)/python tests/mutants/report.py

# What a night is for; each part can be run by itself, `make -k nightly` goes on after a failure.
SEEDS ?= 1000000
JOBS ?= 2
NIGHT := seeds crashes nemesis fire http guided statements
.PHONY: $(NIGHT)

nightly: $(NIGHT) bite mutants ## Every proof at its full size: hours (SEEDS=1000000 JOBS=2)

seeds: install
	@$(BIN)/cashout simulate --seeds $(SEEDS) --jobs $(JOBS)

crashes: install
	@$(BIN)/cashout simulate --crash-points --short 124 --pairs 50000 --jobs $(JOBS)

nemesis: install
	@$(BIN)/python -m tests.nemesis --minutes 10

fire: install
	@$(BIN)/python -m tests.fire --requests 50000

http: install
	@$(BIN)/python -m tests.fuzz http --cases 20000

statements: install
	@$(BIN)/python -m tests.reconciliation

guided: $(VENV)/.nightly
	@$(BIN)/python -m tests.fuzz atheris all --seconds 300

sbom: install ## Write a bill of materials of what production installs (CycloneDX JSON)
	@mkdir -p dist
	@$(BIN)/python deploy/sbom.py requirements.txt > dist/cashout.cdx.json
	@echo "dist/cashout.cdx.json"

clean: ## Remove the environment, caches and reports
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf .coverage .coverage.* htmlcov build dist mutants
	@find domain application adapters entrypoints tests -name __pycache__ -prune -exec rm -rf {} +

# The stamps let a second `make` start at once: only changed requirements are installed again.
$(VENV)/bin/python:
	@for python in python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version)"; \
			$$python -m venv --clear $(VENV) && exit 0; \
			echo "$$python cannot make a virtual environment: install its venv module" >&2; \
			rm -rf $(VENV); exit 1; \
		fi; \
	done; \
	echo "No Python of 3.11 or newer found: install one and put python3 on the PATH" >&2; exit 1

$(VENV)/.requirements: requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the pinned dependencies (about a minute, the first time only)"
	@$(PIP) install --quiet --upgrade pip
	@$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# What only the long runs need, on top of the above.
$(VENV)/.nightly: requirements-nightly.txt $(VENV)/.project
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements-nightly.txt
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.requirements
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@
