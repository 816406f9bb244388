# Each target sets up what it needs. `make demo` is the main job, `make test` is all tests.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CORES := $(shell nproc)
COMPILER := clang-19 llvm-19

.PHONY: demo test check bench clean parts

demo: $(READY)
	$(BIN)/windtunnel sweep demo
	$(BIN)/windtunnel trace demo --where "policy == 'portfolio'" --out windtunnel-results/demo.perfetto-trace

test: check parts
	$(BIN)/pytest -n $(CORES) --dist worksteal --cov --cov-report=term:skip-covered

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	for one in benchmarks/*.py; do $(BIN)/python $$one || exit 1; done

clean:
	rm -rf .venv

# The virtual environment. On a bare Debian or Ubuntu, Python's venv module is a package of its own.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(MAKE) --no-print-directory python
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: python
python:
	@[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || \
	  { echo "Python 3.11 or newer with venv is missing; install it, e.g. apt-get install python3 python3-venv" >&2; exit 1; }
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv

# What tests need of the system: clang 19 for loops; Mininet, Redis, Open vSwitch and headers for emulated runs. Without
# root the tests that need them say so and all others run.
parts: $(READY)
	@told=$$($(BIN)/python -m emulation.needs) && command -v clang-19 >/dev/null && command -v llvm-mca-19 >/dev/null && \
	  exit 0; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(BIN)/python -m emulation.install $(COMPILER); \
	  else echo "not all is tested; loops need apt-get install $(COMPILER). $$told" >&2; fi
