# Everything runs inside .venv; nothing but Python 3.11 to 3.13 and make is needed. `make help` lists the targets.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV_INSTALL := $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo reproduce reproduce-all test test-all bench bench-sweep lint format ui lock catalogue wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# ---- set-up: a locked installer first, then the locked dependencies, then seqexp itself

.venv/installer: requirements/build.txt
	@test -n "$(PYTHON)" || { echo "seqexp needs Python 3.11, 3.12 or 3.13, and found none; name one: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "Setting up .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

.venv/core: .venv/installer requirements/core.txt pyproject.toml
	@echo "Installing the locked dependencies (about a minute)"
	@$(UV_INSTALL) --no-build-isolation --require-hashes -r requirements/core.txt
	@$(UV_INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev: .venv/core requirements/dev.txt
	@$(UV_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/core ## make .venv with seqexp and its locked dependencies

setup-dev: .venv/dev ## the same with the tools of development

# ---- use

demo: .venv/core ## train all eight topologies on household power data and compare them
	@$(BIN)/seqexp demo

reproduce: .venv/core ## run every run of the demo again, and say whether it came out the same
	@ls sweeps/eight_topologies-*/plan.json >/dev/null 2>&1 || $(BIN)/seqexp demo
	@$(BIN)/seqexp rerun --sweep eight_topologies

reproduce-all: .venv/dev ## train twenty runs of all kinds and run each again, twice, in other processes: 20 of 20 to the last bit
	@$(BIN)/python -m pytest -s tests/workflows/rerunning/test_twenty_reruns.py

ui: .venv/core ## open the MLflow UI on this folder's runs
	@$(BIN)/seqexp ui

# ---- development

test: .venv/dev ## run the tests (12 minutes on two cores)
	@$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist worksteal

test-all: .venv/dev ## run the tests, the slow ones too
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

bench: .venv/core ## time the engine beside stock Keras, and beside PyTorch with TORCH=/path/to/a/python/that/has/it
	@$(BIN)/python tests/benchmarks/engines.py $(if $(TORCH),--torch $(TORCH)) $(BENCH)

bench-sweep: .venv/core ## time a sweep beside Keras scripts and, with TORCH=..., PyTorch
	@$(BIN)/python tests/benchmarks/sweeps.py $(if $(TORCH),--torch $(TORCH)) $(BENCH)

lint: .venv/dev ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy seqexp

format: .venv/dev ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: .venv/installer ## compile requirements/*.txt anew
	@for name in build core dev; do \
		case $$name in \
			core) from="pyproject.toml requirements/core.in --override requirements/overrides.txt" ;; \
			dev) from="requirements/dev.in --constraint requirements/core.txt" ;; \
			*) from="requirements/$$name.in" ;; \
		esac; \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command "make lock" $$from --output-file requirements/$$name.txt || exit 1; \
	done

catalogue: .venv/core ## write spec/catalogue.json anew from the installed Keras
	@$(BIN)/python -m seqexp.models.describe_keras > seqexp/spec/catalogue.json.new
	@mv seqexp/spec/catalogue.json.new seqexp/spec/catalogue.json

wheel: .venv/dev ## build the wheel into dist/
	@$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python

clean: ## remove everything that can be made again; runs and the MLflow store stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
