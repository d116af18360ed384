PYTHON = python3
BIN = .venv/bin
PIP = $(BIN)/pip install --quiet --disable-pip-version-check

# Python's venv is one of the lab's packages, so those come first.
.NOTPARALLEL:
.PHONY: help setup setup-dev lab-packages test test-matrix soak demo lab-up lab-down

help: ## Lists the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | awk -F '\t' '{ printf "make %-14s %s\n", $$1, $$2 }'

setup: .venv/complete ## Makes .venv, and nothing else on the system: what it takes to deploy.

.venv/complete: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	$(PIP) --no-deps -e .
	touch $@

setup-dev: .venv/complete-dev ## Makes .venv with what development takes.

.venv/complete-dev: .venv/complete requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	touch $@

lab-packages: ## Installs what lab machines need of the system (QEMU, mmdebstrap, ...), on Debian and Ubuntu.
	tests/lab/packages.sh

# What runs on hosts is put together first: tests/unit/test_shellcheck.py looks at it. What lab machines run is put behind
# lock.sh, which has the variables (SC2034, SC2154).
test: lab-packages setup-dev ## Tests all of it: style, types, units, and acceptance on lab machines.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict hostwright deploys
	$(BIN)/shellcheck -s sh -S warning -e SC2034,SC2154 tests/lab/*.sh tests/lab/guest/*.sh
	$(BIN)/pytest tests/unit -n 2 --dist worksteal --durations=5
	$(BIN)/pytest tests/acceptance -m 'not matrix and not soak' -n 2 --dist worksteal --durations=0

# The same acceptance tests on every Debian release and kind of host. pytest's code 5 says that no test was found.
test-matrix: lab-packages setup-dev ## Tests on every Debian release and kind of host.
	@$(BIN)/pytest -m "matrix and not soak" -n 2 --dist worksteal --durations=0 tests/acceptance; code=$$?; \
	if [ $$code -eq 5 ]; then echo 'No test is marked `matrix`: nothing was tested.'; else exit $$code; fi

# What takes too long for every change. The campaign can be stopped at any time, and goes on from there. Speed is measured
# with nothing else at work.
soak: lab-packages setup-dev ## Tests what takes hours: cuts of power, kills, faults of disks, speed.
	$(BIN)/pytest tests/acceptance/lvm/test_speed.py -m soak --durations=0
	$(BIN)/pytest tests/acceptance -m soak --ignore tests/acceptance/lvm/test_speed.py -n 2 --dist worksteal --durations=0
	$(BIN)/python -m tests.campaign flushes
	$(BIN)/python -m tests.campaign cuts
	$(BIN)/python -m tests.campaign full

demo: lab-packages setup ## Moves space on a lab machine from its home to its root, and shows that nothing was lost.
	$(BIN)/python -m tests.lab.demo

lab-up: lab-packages setup ## Starts the lab machine of the demonstration.
	$(BIN)/python -m tests.lab up

lab-down: setup ## Stops it.
	$(BIN)/python -m tests.lab down
