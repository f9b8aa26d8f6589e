# One word each. `make help` lists them. Needs Python 3.11 (with venv and pip), make and a C compiler; nothing else.

PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
DONE   := $(VENV)/.done
UV      = VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv
LOCKS  := serve train dev uv
KERNELS := $(wildcard ext/*.pyx ext/*.pxd ext/*.h) setup.py
WORKERS ?= 2
PERF_ITEMS ?= 1000000

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check perf perf-full up down test-faults build clients test-clients serve locks clean test-checked test-traced test-sanitized

help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(DONE)/train $(DONE)/project ## Imports a real shop, trains, publishes, serves and asks for recommendations (ARGS=--fresh starts over)
	@$(BIN)/shortlist demo $(ARGS)

test: $(DONE)/dev $(DONE)/project ## Runs every test
	@tools/install_redis.sh >/dev/null || echo "Tests that need Redis are skipped."
	@$(BIN)/python -m pytest $(ARGS)

check: $(DONE)/dev $(DONE)/project ## Formatting, lint, types, the contract, fresh stubs, import directions
	@PYTHON=$(BIN)/python tools/check.sh

test-faults: $(DONE)/dev $(DONE)/project ## Breaks dependencies under load: figures beside pass marks, in perf/results/faults.json
	@tools/install_redis.sh >/dev/null || true
	@$(BIN)/python -m perf.faults $(ARGS)

perf: $(DONE)/dev $(DONE)/project ## Measures the server beside an echo server and draws a report (PERF_ITEMS=100000 for a smaller world)
	@tools/build_replay.sh >/dev/null
	@$(BIN)/python -m perf --items $(PERF_ITEMS) $(ARGS)

perf-full: $(DONE)/dev $(DONE)/project ## The same, and kernels, other sizes of world, two workers, switching releases, offline work
	@tools/build_replay.sh >/dev/null
	@$(BIN)/python -m perf --full --items $(PERF_ITEMS) $(ARGS)

build: $(DONE)/train $(DONE)/kernels ## Compiles the kernels in place

clients: $(DONE)/dev ## Generates the code of all clients, and the calls of docs/api.md (ARGS="python go" for some)
	@PYTHON=$(BIN)/python sh tools/generate_clients.sh $(ARGS)
	@$(BIN)/python tools/api_calls.py

test-clients: $(DONE)/dev $(DONE)/project ## Runs every test of the clients, with workers killed and restarted: minutes
	@SHORTLIST_CLIENT_TESTS=all $(BIN)/python -m pytest tests/clients $(ARGS)

serve: $(DONE)/train $(DONE)/project ## Starts a server (WORKERS=2, ARGS="--data-dir demo-data")
	@$(BIN)/shortlist serve --workers $(WORKERS) $(ARGS)

up: $(DONE)/train $(DONE)/project ## Starts Redis, Triton and Jaeger here, without a container, and the server on them (ARGS="--data-dir demo-data")
	@$(BIN)/python deploy/stack/run.py up $(ARGS)

down: ## Stops what `make up` has started
	@$(BIN)/python deploy/stack/run.py down $(ARGS)

test-checked: $(DONE)/dev $(DONE)/project ## Runs the kernels' tests with bounds checks
	@PYTHON=$(BIN)/python tools/test_kernels.sh checked

test-traced: $(DONE)/dev $(DONE)/project ## Runs the kernels' tests with line tracing and reports their coverage
	@PYTHON=$(BIN)/python tools/test_kernels.sh traced

test-sanitized: $(DONE)/dev $(DONE)/project ## Runs the kernels' tests under the address and undefined-behaviour sanitizers
	@PYTHON=$(BIN)/python tools/test_kernels.sh sanitized

locks: $(DONE)/venv ## Renews requirements/*.lock
	@cd requirements && for use in $(LOCKS); do \
	  echo "locking $$use"; \
	  ../$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 -o $$use.lock $$use.in || exit 1; \
	done

clean: ## Removes what was built and measured; keeps the environment and the data
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov perf/results
	@rm -f ext/*.so ext/*.c ext/*.cpp ext/*.html $(DONE)/kernels $(DONE)/project
	@find server ext offline tests clients perf -name __pycache__ -type d -prune -exec rm -rf {} +

$(DONE)/venv: requirements/uv.lock
	@PYTHON=$(PYTHON) tools/check_machine.sh
	@echo "Making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.lock
	@mkdir -p $(DONE) && touch $@

$(DONE)/train: requirements/train.lock $(DONE)/venv
	@echo "Installing what serving and training need (PyTorch is the large one)"
	@$(UV) pip install --require-hashes -r requirements/train.lock
	@touch $@

$(DONE)/dev: requirements/dev.lock $(DONE)/venv
	@echo "Installing what tests and checks need"
	@$(UV) pip install --require-hashes -r requirements/dev.lock
	@touch $@ $(DONE)/train

$(DONE)/kernels: $(KERNELS) | $(DONE)/venv
	@echo "Compiling the kernels"
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(DONE)/project: pyproject.toml clients/python/pyproject.toml $(DONE)/kernels
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e clients/python -e .
	@touch $@
