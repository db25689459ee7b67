# Every target first sets up a virtual environment: from requirements.lock, or from requirements-dev.lock if it checks or
# tests. It is not in .venv, where the Astro CLI creates its own.

ENVIRONMENT ?= .environment
INSTALLED := $(ENVIRONMENT)/.installed
INSTALLED_DEV := $(ENVIRONMENT)/.installed-dev
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run up sandbox down test soak test-any-day bench doctor rehearse check docs screenshots lock redshift-create redshift-status redshift-delete redshift-policy

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 25

run: $(INSTALLED) ## Run the pipeline once on this machine, from both APIs to a published star
	@$(ENVIRONMENT)/bin/python -m sandbox run $(ARGS)

up: $(INSTALLED) ## The same, then keep everything running in the background, with the Airflow UI; ARGS="--help"
	@$(ENVIRONMENT)/bin/python -m sandbox up $(ARGS)

sandbox: $(INSTALLED) ## Only the stand-ins, at fixed ports, for `astro dev start --standalone`; stays until Ctrl-C
	@$(ENVIRONMENT)/bin/python -m sandbox sandbox $(ARGS)

down: $(INSTALLED) ## Stop what `make up` or `make sandbox` left running
	@$(ENVIRONMENT)/bin/python -m sandbox down

test: $(INSTALLED_DEV) ## Run all tests, some of them against a real Airflow (some twenty minutes)
	$(ENVIRONMENT)/bin/python -m pytest --numprocesses 2 --no-loadscope-reorder

soak: $(INSTALLED_DEV) ## Check random histories against a model of the star, or random crawls; ARGS="--help"
	@$(ENVIRONMENT)/bin/python -m tests.support.soak $(ARGS)

test-any-day: $(INSTALLED_DEV) ## Run the tests on other days and in other time zones (hours); ARGS="--help"
	@$(ENVIRONMENT)/bin/python -m tests.support.any_day $(ARGS)

bench: $(INSTALLED_DEV) ## Measure crawls and the warehouse at full size (a quarter of an hour); ARGS="--quick" or ARGS="crawl"
	@$(ENVIRONMENT)/bin/python -m benchmarks $(ARGS)

check: $(INSTALLED_DEV) ## Lint the Python, the SQL and the AWS template, check the types and the import rules
	$(ENVIRONMENT)/bin/ruff check
	$(ENVIRONMENT)/bin/ruff format --check
	$(ENVIRONMENT)/bin/mypy
	$(ENVIRONMENT)/bin/sqlfluff lint --disable-progress-bar include/sql
	$(ENVIRONMENT)/bin/cfn-lint include/provision/warehouse.yaml
	$(ENVIRONMENT)/bin/python -m pytest --quiet tests/test_imports.py

docs: $(INSTALLED_DEV) ## Write the data dictionary and the entity-relationship diagram from include/sql
	@$(ENVIRONMENT)/bin/python -m docs.generate

doctor: $(INSTALLED) ## Check each service, using the connections in your environment
	@$(ENVIRONMENT)/bin/python -m include doctor

rehearse: $(INSTALLED) ## On your warehouse: run every step of a load in temporary schemas, then remove them
	@$(ENVIRONMENT)/bin/python -m include rehearse

redshift-create: $(INSTALLED) ## On AWS: create or change the warehouse, after showing what would change; ARGS="--help"
	@$(ENVIRONMENT)/bin/python -m include.provision create $(ARGS)

redshift-status: $(INSTALLED) ## On AWS: show what exists of the warehouse, who may connect, and what it costs per hour
	@$(ENVIRONMENT)/bin/python -m include.provision status $(ARGS)

redshift-delete: $(INSTALLED) ## On AWS: take a final snapshot and delete the warehouse; the bucket stays
	@$(ENVIRONMENT)/bin/python -m include.provision delete $(ARGS)

redshift-policy: $(INSTALLED_DEV) ## For AWS: print the IAM policy to create the warehouse, or, with ARGS="--pipeline", to use it
	@$(ENVIRONMENT)/bin/python -m include.provision policy $(ARGS)

screenshots: $(INSTALLED_DEV) ## Take the screenshots in docs/images; needs Chromium and a few minutes
	@$(ENVIRONMENT)/bin/python -m tests.browser.screenshots

lock: $(INSTALLED_DEV) ## Resolve the requirements from the .in files; ARGS="--upgrade" for newer versions
	@$(ENVIRONMENT)/bin/python -m sandbox.local.lock $(ARGS)

define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found: install it, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, but $(PYTHON) is `$(PYTHON) --version 2>&1`." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) lacks the module venv: install it (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Setting up $(ENVIRONMENT) with `$(PYTHON) --version` from $(1), once"
	@test -x $(ENVIRONMENT)/bin/python -a -x $(ENVIRONMENT)/bin/pip || $(PYTHON) -m venv --clear $(ENVIRONMENT)
	@$(ENVIRONMENT)/bin/python -m sandbox.local.install $(1)
endef

$(INSTALLED): requirements.lock
	$(call install,requirements.lock)
	@touch $@

$(INSTALLED_DEV): requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch $(INSTALLED) $@
