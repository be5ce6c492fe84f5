# Two commands matter: `make demo` and `make test`. Both install what they need; everything they make lies in .venv,
# .venv-verifier and var/.
PYTHON ?= python3
METHOD ?= lora
MIX ?= 0
PROFILE ?= standard
EPOCHS ?= 3
INPUTS ?= 1000000
SEED ?= 1
PROCESSES ?= 2
BIN := .venv/bin
# What `make check` runs: the pure rules, the control plane on SQLite, the documents. `make test` runs everything.
FAST := tests/attestations tests/infra tests/test_documents.py tests/api/jobs/test_lifecycle.py tests/api/control \
	tests/workers/datasets tests/workers/test_original_items.py
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo serve test check format verifier models bench-evaluation conformance bench-attestations fuzz clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: .venv/service .venv-verifier/installed models ## tune the demo model and verify the evidence (METHOD= MIX= SCALING=1 DATA= PROVENANCE=)
	@$(BIN)/python -m infra.local demo --method $(METHOD) --mix $(MIX) --profile $(PROFILE) --epochs $(EPOCHS) \
		$(if $(SCALING),--scaling) $(if $(DATA),--data "$(DATA)") $(if $(PROVENANCE),--provenance "$(PROVENANCE)")

serve: .venv/service models ## start the same stack and stay up
	@exec $(BIN)/python -m infra.local serve

test: .venv/dev ## run all tests (PROCESSES=)
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal

check: .venv/dev ## format, lint, types, import contracts and the fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -m "not ml and not e2e and not gpu" -k "not postgresql" $(FAST)

format: .venv/dev ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

models: .venv/service ## get the demo model and make its aligned base
	@$(BIN)/python -m workers.models.prepare --to var/models

verifier: .venv-verifier/installed ## install the verifier alone, as a stranger would

bench-evaluation: .venv/dev models ## measure evaluation beside the padded loop and lm-evaluation-harness (an hour)
	@$(BIN)/python -m tests.benchmarks.bench_evaluation --write tests/benchmarks/results/bench_evaluation.json

conformance: .venv/dev ## install other people's clients and run them on what is signed here
	@PYTHON=$(PYTHON) tests/conformance/install.sh
	@$(BIN)/python -m pytest tests/conformance

bench-attestations: .venv/dev ## measure what a buyer waits for: start-up, verification, memory
	@$(BIN)/python -m tests.benchmarks.bench_attestations

fuzz: .venv/dev ## a million damaged documents for every reader (an hour); INPUTS= SEED=
	@$(BIN)/python -m tests.fuzz --inputs $(INPUTS) --seed $(SEED)

clean: ## remove everything that was made
	rm -rf .venv .venv-verifier .venv-conformance var dist build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Tuneproof needs Python 3.11 or newer; run: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

.venv/service: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the service and the worker (about a minute)"
	@$(INSTALL) --group service --group worker --group local --editable .
	@touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing everything, with the tools for tests (about a minute)"
	@$(INSTALL) --group dev --editable .
	@touch $@ .venv/service

.venv-verifier/installed: pyproject.toml $(shell find attestations -name "*.py" -o -name "*.html")
	@echo "Installing the verifier alone"
	@$(PYTHON) -m venv .venv-verifier
	@.venv-verifier/bin/python -m pip install --quiet --disable-pip-version-check .
	@touch $@
