# Every target sets up what it needs by itself (tools/setup.sh); the second time that is instant.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-quick campaign check bench lock reference setup setup-applications setup-system

export PYTHON
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# One more than cores: tests of whole processes wait for most of their time.
WORKERS ?= $(shell echo $$(( $$(nproc) + 1 )))
KILLS ?= 500
MUTATIONS ?= 1000
STORIES ?= 20000
EVENTS ?= 1000000
CRASHES ?= 20
CUTS ?= 50
# Options for the command behind a target, such as: make demo ARGS=--exit
ARGS ?=

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup-applications ## ship a real MES and a station's application, promote the good releases, take the bad ones back (ARGS=--exit ends instead of staying)
	@$(PY) -m demo.run $(ARGS)

test: setup-system check ## the linters and every test (WORKERS=n, ARGS for pytest)
	$(PYTEST) -q -n $(WORKERS) --dist worksteal $(ARGS)

test-quick: setup ## the unit tier: needs nothing outside the process
	$(PYTEST) -q -n $(WORKERS) -m unit $(ARGS)

campaign: setup ## draw other examples for every property; tell STORIES rollouts, forge timeline and bundles MUTATIONS times, kill Andon KILLS times, and a station in every operation, CUTS times an installation; let a frozen agent update itself; throw EVENTS at the MES, CRASHES of each fault
	ANDON_CHANCE=1 $(PYTEST) -q -n $(WORKERS) --dist worksteal -m "unit or simulation" $(ARGS)
	$(PY) -m bench.simulation --stories $(STORIES)
	$(PY) -m bench.agent crashes
	ANDON_AGENT_FREEZE=1 $(PYTEST) --timeout 0 -q -n 0 -rP tests/system/test_agent_update.py $(ARGS)
	ANDON_MUTATIONS=$(MUTATIONS) $(PYTEST) -q -n 0 -rP tests/component/test_timeline_campaign.py $(ARGS)
	ANDON_BUNDLES=$(MUTATIONS) $(PYTEST) -q -n 0 -rP tests/component/test_bundles.py -k mutation $(ARGS)
	ANDON_KILLS=$(KILLS) $(PYTEST) -q -n 0 -rP tests/system/test_kill.py $(ARGS)
	ANDON_DELTA_CUTS=$(CUTS) ANDON_DELTA_FLIPS=8 $(PYTEST) --timeout 0 -q -n 0 -rP src/andon_wire/delta $(ARGS)
	ANDON_MES_EVENTS=$(EVENTS) $(PYTEST) -c pyproject.toml --timeout 0 -q -n 0 -rP apps/mes/tests/campaign_floor.py $(ARGS)
	ANDON_MES_CRASHES=$(CRASHES) $(PYTEST) -c pyproject.toml --timeout 0 -q -n 0 -rP apps/mes/tests/campaign_crash.py $(ARGS)

check: setup ## the linters and the type checker
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy src apps/*/src demo tools
	.venv/bin/lint-imports --no-logo
	$(PY) tools/lock.py --check

bench: setup ## the figures that the documents claim, measured quickly (see bench/ for the long forms)
	$(PY) -m bench.judge --quick
	$(PY) -m bench.simulation
	$(PY) -m bench.board
	$(PY) -m bench.fleet --quick
	$(PY) -m bench.gateway --quick
	$(PY) -m bench.timeline --records 200000
	$(PY) -m bench.delta --quick
	$(PY) -m bench.mes scan --seconds 3
	$(PY) -m bench.mes summary --attempts 10000 100000 --repeats 10
	$(PY) -m bench.mes genealogy --serials 20000 --certificates 200 --recalls 3

lock: setup ## write the hashed locks again from the pyproject.toml files (ARGS=--upgrade takes newer versions)
	$(PY) tools/lock.py $(ARGS)

reference: setup ## write docs/reference and docs/compliance again from the code
	$(PY) tools/reference.py
	$(PY) tools/compliance.py

setup: ## make .venv from the hashed lock; every other word does it by itself
	@tools/setup.sh

setup-applications:
	@tools/setup.sh applications

setup-system:
	@tools/setup.sh system
