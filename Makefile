PYTHON = python3
BIN = .venv/bin

.PHONY: setup test test-matrix soak demo lab-up lab-down

setup: .venv/complete

.venv/complete: requirements.txt pyproject.toml tests/lab/packages.sh
	tests/lab/packages.sh
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# What runs on hosts is put together first: tests/unit/test_shellcheck.py looks at it. What lab machines run is put behind
# lock.sh, which has the variables (SC2034, SC2154).
test: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict hostwright deploys
	$(BIN)/shellcheck -s sh -S warning -e SC2034,SC2154 tests/lab/*.sh tests/lab/guest/*.sh
	$(BIN)/pytest tests/unit -n 2 --dist worksteal --durations=5
	$(BIN)/pytest tests/acceptance -m 'not matrix and not soak' -n 2 --dist worksteal --durations=0

# The same acceptance tests on every Debian release and kind of host. pytest's code 5 says that no test was found.
test-matrix: setup
	@$(BIN)/pytest -m "matrix and not soak" -n 2 --dist worksteal --durations=0 tests/acceptance; code=$$?; \
	if [ $$code -eq 5 ]; then echo 'No test is marked `matrix`: nothing was tested.'; else exit $$code; fi

# What takes too long for every change. The campaign can be stopped at any time, and goes on from there. Speed is measured
# with nothing else at work.
soak: setup
	$(BIN)/pytest tests/acceptance/lvm/test_speed.py -m soak --durations=0
	$(BIN)/pytest tests/acceptance -m soak --ignore tests/acceptance/lvm/test_speed.py -n 2 --dist worksteal --durations=0
	$(BIN)/python -m tests.campaign flushes
	$(BIN)/python -m tests.campaign cuts
	$(BIN)/python -m tests.campaign full

demo: setup
	$(BIN)/python -m tests.lab.demo

lab-up: setup
	$(BIN)/python -m tests.lab up

lab-down: setup
	$(BIN)/python -m tests.lab down
