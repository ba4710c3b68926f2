# Guichê. `make help` lists what can be done; everything a target needs, it installs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := $(wildcard libs/* services/*) proto
SOURCES := $(wildcard libs/*/src services/*/src)
UV := $(BIN)/uv
# A spoiled environment of the caller must not decide what is installed here.
unexport VIRTUAL_ENV PYTHONPATH

##@ Try it

.PHONY: run
run: install web ## everything in one process, with demo data, on http://localhost:8080
	@exec $(BIN)/python -m all_in_one run

.PHONY: mail
mail: install ## send a sample mail to the running Guichê
	@$(BIN)/python -m all_in_one mail

.PHONY: up
up: install web ## each service as its own processes, with PostgreSQL and RabbitMQ as servers
	@$(BIN)/python -m all_in_one up

.PHONY: down
down: ## stop what `make up` started
	@$(BIN)/python -m all_in_one down

.PHONY: check
check: install ## whether what runs (`make run`, `make up`) keeps its promises
	@$(BIN)/python -m all_in_one check

##@ Work on it

.PHONY: test
test: install ## everything that must hold: lint, types, contracts, unit, events, web, end to end
	@$(MAKE) --no-print-directory lint types contracts
	@$(BIN)/python -m localservers install
	@$(MAKE) --no-print-directory web-test web-browser-test web
	$(BIN)/pytest -q -n 2 --dist loadfile libs services deploy/tests
	$(BIN)/pytest -q tests --ignore=tests/faults/long

.PHONY: fuzz
fuzz: install ## mails that nobody sent, for SECONDS=60, of SEED=1
	GUICHE_FUZZ_SECONDS=$(or $(SECONDS),60) GUICHE_FUZZ_SEED=$(or $(SEED),1) $(BIN)/pytest -q services/mail/tests/parsing/test_fuzz.py

.PHONY: faults
faults: install ## kill, freeze, cut, fill, restart and confuse every part under load (root, twenty minutes)
	@$(BIN)/python -m localservers install
	$(BIN)/pytest -q tests/faults

.PHONY: lint
lint: install ## style, import rules and security checks of the Python code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --config pyproject.toml

.PHONY: types
types: install ## static types of the Python code
	$(BIN)/mypy $(SOURCES) proto/generate.py deploy/docker deploy/tests/rendering.py \
		$(addprefix deploy/containers/,engine.py images.py cluster.py)

.PHONY: contracts
contracts: install ## contracts are well made, and what is generated from them is current
	$(BIN)/python proto/generate.py --check
	$(BIN)/python -m gateway.openapi --check

.PHONY: proto
proto: install web/node_modules/.installed ## write all that is derived from the contracts and from the table of verbs
	$(BIN)/python proto/generate.py
	$(BIN)/python -m gateway.openapi
	$(BIN)/python -m localservers npm --prefix web run --silent api
	$(BIN)/python -m ticket.domain.drawing

.PHONY: format
format: install ## format the Python code
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

# The last one loads a million tickets.
BENCHES := parse_mail encode_page events intake intake_up verbs push footprint queue_reads

.PHONY: bench
bench: install ## measure, each figure beside a limit taken in the same run (an hour, on a machine that does nothing else)
	@$(BIN)/python -m localservers install
	@for name in $(BENCHES); do echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done

##@ Run it on Kubernetes

.PHONY: images
images: install web ## an image per service, with podman; GUICHE_BASE_IMAGE chooses the base, see deploy/docker/Dockerfile
	@$(BIN)/python deploy/containers/images.py

.PHONY: containers
containers: install web ## the chart's pods, run with podman: a conversation from end to end, and a rolling restart under load
	@$(BIN)/python -m localservers install
	$(BIN)/pytest -q deploy/containers

##@ Parts of the above

.PHONY: install
install: .venv/.installed ## the Python environment in .venv

.venv/.installed: requirements.lock pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	@echo "Installing the Python packages into .venv (only after a change)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements.lock)"
	@$(UV) pip sync --quiet --require-hashes requirements.lock
	@$(UV) pip install --quiet --no-deps $(PACKAGES:%=-e ./%)
	@touch $@

.PHONY: lock
lock: ## choose the newest versions of all packages within their bounds
	@$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--group pyproject.toml:dev $(PACKAGES:%=%/pyproject.toml) \
		$(foreach name,servicekit localservers proto ticket routing mail publisher gateway,--no-emit-package guiche-$(name)) \
		--output-file requirements.lock

.PHONY: web
web: web/dist/index.html ## the web app, built

WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

web/node_modules/.installed: web/package-lock.json | install
	@echo "Installing the web app's packages (only after a change)…"
	@$(BIN)/python -m localservers npm --prefix web ci --no-progress --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	@echo "Building the web app…"
	@$(BIN)/python -m localservers npm --prefix web run --silent build -- --logLevel warn
	@touch $@

.PHONY: web-test
web-test: web/node_modules/.installed ## lint, types and tests of the web app
	@for step in api:check typecheck lint test; do $(BIN)/python -m localservers npm --prefix web run --silent $$step || exit 1; done

.PHONY: web-browser-test
web-browser-test: web/node_modules/.installed ## the pages of the web app in Chromium
	@GUICHE_CHROMIUM="$$($(BIN)/python -c 'from localservers import browser; print(browser.chromium())')" \
		$(BIN)/python -m localservers npm --prefix web run --silent test:browser

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  make %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
