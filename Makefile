# The index of what can be done here. `make` alone prints it.
#
# Of the variables here only PYTHON and VENV may come from the environment, so that a TARGET or KEYS left over in
# somebody's shell steers no run. A provider's key variable does: with CHATMAID_API_KEY or WHATSAPI_KEY set, a run asks
# the real API.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_READY := node_modules/.ready
DOCUMENTS = $(wildcard openapi/*/openapi.yaml)

# $(call flag,TARGET,--target) is "--target '<value>'" when TARGET was given on the command line, else nothing.
flag = $(if $(filter command line,$(origin $(1))),$(2) '$($(1))')
RUN_FLAGS = $(strip $(call flag,PROVIDER,--provider) $(call flag,TARGET,--target) $(call flag,KEYS,--keys) \
    $(call flag,BUDGET,--budget) $(call flag,SEED,--seed) $(call flag,OUT,--out))
LIMITS_FLAGS = $(strip $(call flag,PROVIDER,--provider) $(call flag,TARGET,--target) $(call flag,KEYS,--keys) \
    $(call flag,SEED,--seed) $(call flag,OUT,--out))
LIMITS_ARGS =
BENCH_LIMITS_ARGS =
BENCH_LOAD_ARGS =
LOAD_FLAGS = $(strip $(call flag,TARGET,--host) $(call flag,KEYS,--keys) $(call flag,BUDGET,--budget) \
    $(call flag,SEED,--seed) $(call flag,OUT,--out) $(call flag,RATE,--rate) $(call flag,DURATION,--duration))
BENCH_FOREIGN_ARGS =
RUN_ARGS =
SCENARIOS =
LOAD_ARGS =
PYTEST_ARGS =
SCORE_ARGS =
RUN =
GATE_ARGS =
REPORT_ARGS =
BENCH_ARGS =
PEERS =
PEERS_ARGS =
CONFORMANCE_ARGS =
LOCK_ARGS =

# Debian packages this machine lacks; a row per need, empty when the need is met.
SYSTEM_PACKAGES = \
    $(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv) \
    $(shell command -v node >/dev/null || echo nodejs) \
    $(shell command -v npm >/dev/null || echo npm) \
    $(shell test -x /usr/sbin/nginx || command -v nginx >/dev/null || echo nginx-light) \
    $(shell test -x /usr/sbin/haproxy || command -v haproxy >/dev/null || echo haproxy) \
    $(shell command -v chromium >/dev/null || echo chromium) \
    $(shell command -v chromedriver >/dev/null || echo chromium-driver)

# Sets `lacking` to what this machine lacks for the tools of package.json, and installs them when that is nothing.
NODE_TOOLS = lacking=""; \
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
        2>/dev/null || lacking="Node.js 20.19 or newer (found: $$(node --version 2>/dev/null || echo none))"; \
    command -v npm >/dev/null || lacking="$${lacking:+$$lacking and }npm"; \
    test -n "$$lacking" || test $(NODE_READY) -nt package.json || \
        { npm install --no-progress --loglevel error && touch $(NODE_READY); }

.PHONY: help setup contract test conformance lint lint-python lint-documents score score-unseen sandbox load limits \
    bench-limits bench-load bench-gate report bench-report gate lock system-packages clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  contract takes PROVIDER= TARGET= KEYS= BUDGET= SEED= OUT= and RUN_ARGS=; test takes PYTEST_ARGS=, conformance CONFORMANCE_ARGS=."
	@echo "  load takes SCENARIOS= RATE= DURATION= TARGET= KEYS= BUDGET= SEED= OUT= and LOAD_ARGS=."
	@echo "  make folds every failure into its own exit code 2; $(BIN)/affidavit run gives the exact one."

setup: $(READY) ## Create .venv with the pinned tools (done by the other targets when needed)

# Everything that runs here has its hash in requirements.txt: uv too, which installs the rest much faster than pip would,
# and wheels only (--no-build), since building from source would fetch build tools that nobody pinned.
$(READY): requirements.txt pyproject.toml
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || version=none; \
	case "$$version" in \
	    3.1[1-9].*|3.[2-9][0-9].*|[4-9].*) ;; \
	    none) echo "Affidavit needs Python 3.11 or newer, and '$(PYTHON)' does not run. Install one, or name it:" \
	        "make setup PYTHON=/path/to/python3.12" >&2; exit 2 ;; \
	    *) echo "Affidavit needs Python 3.11 or newer, and '$(PYTHON)' is $$version. Install a newer one, or name it:" \
	        "make setup PYTHON=/path/to/python3.12" >&2; exit 2 ;; \
	esac
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.txt >$(VENV)/uv.txt
	@echo "Installing the pinned packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build --require-hashes -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

contract: $(READY) ## Hold the providers to their documents; without TARGET, on the embedded sandbox
	@$(BIN)/affidavit run $(RUN_FLAGS) $(RUN_ARGS)

report: $(READY) ## Show recorded runs; without RUN, all in reports/ (FORMAT=sarif: as that)
	@$(BIN)/affidavit report $(call flag,FORMAT,--format) $(call flag,OUT,--out) $(REPORT_ARGS) $(if $(RUN),'$(RUN)')

bench-report: $(READY) ## Measure a report of 100,000 exchanges, and how fast Chromium opens one of 10,000
	@$(BIN)/python -m tests.bench_report

gate: $(READY) ## Say what changed since the baseline; without RUN, for the latest runs in reports/
	@$(BIN)/affidavit gate $(call flag,BASELINE,--baseline) $(GATE_ARGS) $(if $(RUN),'$(RUN)')

bench-gate: $(READY) ## Count how often the gate is wrong: reruns, every fault, made-up speeds (BENCH_ARGS="--sample 20")
	@$(BIN)/python -m tests.gate.bench $(BENCH_ARGS)

test: $(READY) ## Test the package itself on every core; a test that hangs is stopped after two minutes
	@$(BIN)/pytest --timeout 120 --numprocesses auto --dist loadgroup $(PYTEST_ARGS)

conformance: $(READY) ## Hold the sandbox to the OpenAPI documents with tools that others wrote (some minutes)
	@$(NODE_TOOLS); \
	$(BIN)/python -m tests.conformance $(CONFORMANCE_ARGS)

lint: lint-python lint-documents ## Check the code and the OpenAPI documents

lint-python: $(READY) ## Only the code: ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-documents: $(READY) ## Only the OpenAPI documents: three validators that others wrote
	@test -n "$(DOCUMENTS)" || { echo "No document to check: openapi/*/openapi.yaml matches nothing." >&2; exit 2; }
	@$(BIN)/openapi-spec-validator $(DOCUMENTS)
	@$(NODE_TOOLS); \
	if test -z "$$lacking"; then \
	    REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true node_modules/.bin/redocly lint $(DOCUMENTS) && \
	    node_modules/.bin/spectral lint --fail-severity warn $(DOCUMENTS); \
	elif test "$${CI:-}" = true; then \
	    echo "Redocly and Spectral cannot run: this machine lacks $$lacking." >&2; exit 2; \
	else \
	    echo "Skipped Redocly's and Spectral's rules: this machine lacks $$lacking. CI runs them."; \
	fi

score: $(READY) ## Put every fault and variant on the sandbox, and count what the run finds (PEERS=1: others too)
	@$(BIN)/affidavit score $(SCORE_ARGS)
	@$(if $(PEERS),$(BIN)/python -m tests.conformance.peers $(PEERS_ARGS))

score-unseen: $(READY) ## Count the defects of unseen servers that a run finds (SCORE_ARGS=--default: as on a real target)
	@$(BIN)/python -m tests.opponents.score $(SCORE_ARGS)

sandbox: $(READY) ## Serve the embedded sandbox on the loopback address
	@$(BIN)/affidavit sandbox

limits: $(READY) ## Find out which rate limiter answers; without TARGET, on the embedded sandbox (LIMITS_ARGS=)
	@$(BIN)/affidavit limits $(LIMITS_FLAGS) $(LIMITS_ARGS)

bench-limits: $(READY) ## Hold that search to simulated limiters (BENCH_LIMITS_ARGS=), and to those of others
	@$(NODE_TOOLS); test -z "$$lacking" || echo "Without limiters of npm: this machine lacks $$lacking."
	@status=0; $(BIN)/python -m tests.bench_limits $(BENCH_LIMITS_ARGS) || status=$$?; \
	$(BIN)/python -m tests.bench_foreign_limits $(BENCH_FOREIGN_ARGS) || status=$$?; exit $$status

load: $(READY) ## Run load scenarios without the web UI; without a key, on the embedded sandbox
	@$(BIN)/locust -f load/ --headless $(LOAD_FLAGS) $(LOAD_ARGS) $(SCENARIOS)

bench-load: $(READY) ## Measure the load generator beside stock Locust and k6, 13 minutes (BENCH_LOAD_ARGS=--short)
	@$(BIN)/python -m tests.bench_load $(BENCH_LOAD_ARGS)

lock: $(READY) ## Resolve requirements.txt again after a change in pyproject.toml (LOCK_ARGS=--upgrade: newest)
	@$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url \
	    --group dev --output-file requirements.txt $(LOCK_ARGS) pyproject.toml

system-packages: ## Install the Debian packages this machine lacks (for CI; needs apt-get)
	@packages="$(strip $(SYSTEM_PACKAGES))"; \
	if test -z "$$packages"; then echo "No Debian package is missing."; exit 0; fi; \
	sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
	export DEBIAN_FRONTEND=noninteractive; \
	$$sudo apt-get update -qq; \
	$$sudo apt-get install -y -qq --no-install-recommends $$packages

clean: ## Remove everything that make creates, except recorded runs in reports/
	@rm -rf $(VENV) node_modules dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
