# Every target sets up what it needs: a virtual environment in .venv/ from requirements.lock.

VENV := .venv
INSTALLED := $(VENV)/.installed
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run up down test soak test-any-day bench check docs screenshots lock redshift-create redshift-status redshift-delete

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 25

run: $(INSTALLED) ## From both APIs to a published star, on this machine, and exit
	@$(VENV)/bin/python -m sandbox run

up: $(INSTALLED) ## The same, and keep everything running in the background, with the Airflow UI
	@$(VENV)/bin/python -m sandbox up

down: $(INSTALLED) ## Stop what `make up` left running
	@$(VENV)/bin/python -m sandbox down

test: $(INSTALLED) ## Run all tests, one of them against a real Airflow (a few minutes)
	$(VENV)/bin/python -m pytest

soak: $(INSTALLED) ## Random histories against a model of the star, by seed; ARGS="--seeds 0-199"
	@$(VENV)/bin/python -m tests.support.soak $(ARGS)

test-any-day: $(INSTALLED) ## The tests as if it were another day, in another time zone (hours); ARGS="--help"
	@$(VENV)/bin/python -m tests.support.any_day $(ARGS)

bench: $(INSTALLED) ## Measure crawls and the warehouse at full size (a quarter of an hour); ARGS="--quick" or ARGS="crawl"
	@$(VENV)/bin/python -m benchmarks $(ARGS)

check: $(INSTALLED) ## Lint the Python and the SQL, check the types and who imports whom
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/sqlfluff lint --disable-progress-bar include/sql
	$(VENV)/bin/python -m pytest --quiet tests/test_imports.py

docs: $(INSTALLED) ## Write the data dictionary and the entity-relationship diagram anew from include/sql
	@$(VENV)/bin/python -m docs.generate

redshift-create: $(INSTALLED) ## At AWS: create the warehouse, or what is missing of it; ARGS="--help" lists options
	@$(VENV)/bin/python -m include.provision create $(ARGS)

redshift-status: $(INSTALLED) ## At AWS: what exists of the warehouse, and what it costs by the hour
	@$(VENV)/bin/python -m include.provision status $(ARGS)

redshift-delete: $(INSTALLED) ## At AWS: delete the warehouse and all that was created with it
	@$(VENV)/bin/python -m include.provision delete $(ARGS)

screenshots: $(INSTALLED) ## Take the pictures of docs/images anew; needs Chromium and a few minutes
	@$(VENV)/bin/python -m tests.browser.screenshots

lock: $(INSTALLED) ## Resolve requirements.lock anew from requirements.txt and requirements-dev.txt
	$(VENV)/bin/uv pip compile requirements-dev.txt --output-file requirements.lock --upgrade \
		--universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate

# pip installs, because it follows the package index settings of the machine.
$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found: install it, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, but $(PYTHON) is `$(PYTHON) --version 2>&1`." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) lacks the module venv: install it (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV) with `$(PYTHON) --version` (once; takes a minute or two)"
	@test -x $(VENV)/bin/python -a -x $(VENV)/bin/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install -qq --requirement requirements.lock
	@touch $@
