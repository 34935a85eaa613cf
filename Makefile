# Everything a fresh clone needs: `make soak` and `make test` set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help soak web test test-all test-all-long coverage check lab calibrate windows bench figures notebook clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/.run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(BIN)/.dev: requirements-dev.txt $(BIN)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# One server-side fault, so that there is something to find: of the three instances that the stand-in names
# one sends its welcome too late to three connections in ten. SOAK="..." adds options of your own.
FAULT := --fault bad_instance:instance=1,phase=welcome,effect=slow,share=0.3,delay=12
soak: $(BIN)/.run ## soak the embedded stand-in for 90 seconds and say why sessions time out
	@$(BIN)/locust --headless --only-summary --users 60 --spawn-rate 12 --run-time 90s $(FAULT) $(SOAK); status=$$?; \
	case $$status in 0) ;; 1) echo "(exit status 1: with a fault planted the service levels should be breached)" ;; \
	*) exit $$status ;; esac

web: $(BIN)/.run ## the web UI, on the embedded stand-in
	$(BIN)/locust $(SOAK)

# Images of containers like to set this: then each process of a test compiles all that it imports, a start of Locust a
# third of its time and a process of the suite half of what it takes to find the tests.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder --durations 25

# Five processes for two cores: some wait for a server's silence while the others compute. A test computes for two
# seconds; where five share two cores three times as much is counted, and on a slow machine three times that.
test: $(BIN)/.dev ## the tests that need no whole Locust process, no minute of real time and no Wine (five minutes)
	$(PYTEST) -n 5 -m "not slow and not long" --cpu-limit-s 20 $(TESTS)

# Most of these wait for whole processes: with four at a time the two cores are busy, and with five the generators of
# the soaks are late.
test-all: test ## all tests: those, then the others (twenty minutes more)
	$(PYTEST) -n 4 -m "slow and not long" $(TESTS)

test-all-long: $(BIN)/.dev ## before a release: a fleet's limits in true size, and the properties again with many examples
	$(PYTEST) -n 2 -m "long or hypothesis" --hypothesis-profile thorough --timeout 1800 $(TESTS)

coverage: $(BIN)/.dev ## the branch coverage of each module of the core by its own test file
	$(BIN)/python -m tests.own_coverage $(ROOMS)

check: $(BIN)/.dev ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# LAB="--only nginx-502 --keep somewhere" runs a part of the table; LAB=--list names its rows.
lab: $(BIN)/.dev ## is the verdict right before real servers, proxies and lines? (a quarter of an hour) writes docs/attribution.md
	$(BIN)/python -m lab $(or $(LAB),--write docs/attribution.md)

calibrate: $(BIN)/.run ## how often the verdict is wrong, over simulated worlds (long)
	$(BIN)/python -m analysis calibrate

windows: $(BIN)/.dev ## the Windows cohort on Linux: builds a Windows CPython under Wine and runs there
	$(BIN)/python -m windows.build
	$(BIN)/python -m windows.check

bench: $(BIN)/.dev ## the claims about speed, as ratios (half an hour)
	$(BIN)/python -m bench.exchange
	$(BIN)/python -m bench.connect
	$(BIN)/python -m bench.hold
	$(BIN)/python -m bench.record
	$(BIN)/python -m bench.relay
	$(BIN)/python -m bench.live
	$(BIN)/python -m bench.steady

figures: $(BIN)/.dev ## the pictures of the docs; RUN=reports/<run> for its report's and live page's
	$(BIN)/python docs/make_figures.py $(RUN)

notebook: $(BIN)/.dev ## what analysis/soak.ipynb shows on GitHub, from a simulated run
	$(BIN)/python docs/make_notebook.py

clean: ## remove what can be rebuilt (never reports/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
