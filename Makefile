# One command per job; CI runs the same ones. Needs Python 3.11+, make, git and the package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LOCKS  := bootstrap runtime dev
JOBS   ?= 3
N      ?= 1000

.PHONY: help setup demo demo-teams demo-sessions test test-all check format bench histories lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## make .venv with everything pinned by hash

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/setup.sh "$(VENV)"
	@touch $@

demo: $(READY)  ## the main story: ask, approve, hold, give back, read from the simulated AWS
	@$(BIN)/python scripts/demo.py

demo-teams: $(READY)  ## standing trust: plan, apply, explain, drift, repair
	@$(BIN)/python scripts/demo_teams.py

demo-sessions: $(READY)  ## credentials on the laptop with the real AWS CLI and boto3
	@$(BIN)/python scripts/demo_sessions.py

test: $(READY)  ## every test but the long campaigns, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "not long"

test-all: $(READY)  ## the long campaigns too, and properties on examples of their own each time
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --hypothesis-profile=searching

check: $(READY)  ## lint, types, layers, locks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/check_platforms.py
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/check_locks.py
	@$(BIN)/python scripts/front_page.py --check

format: $(READY)  ## put the source into its one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/python scripts/front_page.py
	@$(BIN)/ruff format .

bench: $(READY)  ## figures as ratios against a reference of the same run (docs/performance.md)
	@$(BIN)/python -m bench $(BENCH)

histories: $(READY)  ## N seeded histories of the real engine on virtual time
	@$(BIN)/python -m tests.histories --count $(N)

lock: $(READY)  ## compile requirements/*.in anew, with hashes and without addresses
	@for name in $(LOCKS); do \
	  (cd requirements && ../$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header $$name.in -o $$name.txt > /dev/null) || exit 1; \
	done

clean:  ## remove what set-up and tests made
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
