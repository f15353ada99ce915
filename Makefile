# make install   an environment with everything in it, at VENV (default .venv)
# make demo      simulate three sites, process them and write the reports, in minutes
# make docs      the documentation as a site, at docs/_build/html
# make test      the tests, on the installed package, from outside the sources
VENV ?= .venv
PYTHON ?= python3
DEMO_OUT ?= demo-out
TEST_ARGS ?=
EXTRAS ?= all,test,dev,bench
BIN := $(abspath $(VENV))/bin
SOURCES := $(shell find harmoniq interfaces workflows configs -type f -not -path '*/__pycache__/*' 2>/dev/null)
export NO_ET := 1
export NIPYPE_NO_ET := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test test-tools test-other test-nightly lint format types bench docs docs-links docs-pictures clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# //p' Makefile

install: $(VENV)/.package

# Debian's bare Python lacks the venv module; as root it is installed, otherwise the message says what to do.
$(VENV)/bin/pip:
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv && \
	    $(PYTHON) -m venv $(VENV); \
	  else echo "error: $(PYTHON) cannot make an environment; install it with: apt-get install python3-venv" >&2; exit 2; fi; }

# neuroHarmonize and neuroCombat declare stale pins, but run with ours: hence --no-deps.
$(VENV)/.requirements: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install -q --retries 5 -c constraints.txt pip setuptools wheel
	$(BIN)/pip install -q --retries 5 -c constraints.txt ".[$(EXTRAS)]"
	$(BIN)/pip install -q --retries 5 --no-deps neuroHarmonize==2.5.2 neuroCombat==0.2.12
	@touch $@

$(VENV)/.package: $(VENV)/.requirements $(SOURCES)
	@rm -rf build harmoniq.egg-info
	$(BIN)/pip install -q --no-deps --force-reinstall .
	@rm -rf build harmoniq.egg-info
	@touch $@

demo: install
	$(BIN)/harmoniq demo $(DEMO_OUT)

# Each group has the package's own set-up; pytest runs on the installed package, never on the sources.
test: install test-tools
	$(BIN)/pytest -n 2 --dist loadfile -m "not nightly" $(TEST_ARGS)

# A Slurm for the tests of clusters, where we may install one; without it they are skipped, and say so.
test-tools:
	@PATH=$$PATH:/usr/sbin; command -v slurmctld >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	      -o Dpkg::Use-Pty=0 slurmctld slurmd slurm-client munge >/dev/null 2>&1; \
	  fi; command -v slurmctld >/dev/null || echo "Slurm is not installed: its tests are skipped"; }

# The other supported Python, where it is installed: an environment of its own, and all but the slow tests.
OTHER_PYTHON ?= $(shell python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null || ls "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12*/bin/python3.12 2>/dev/null | tail -n 1)
test-other:
	@if [ -n "$(OTHER_PYTHON)" ]; then \
	  $(MAKE) install VENV=$(VENV)-other PYTHON=$(OTHER_PYTHON) && \
	  $(abspath $(VENV)-other)/bin/pytest -n 2 --dist loadfile -m "not nightly and not slow" --deselect tests/cli $(TEST_ARGS); \
	else echo "Python 3.12 is not installed: only $$($(PYTHON) --version) was tested"; fi

test-nightly: install
	$(BIN)/pytest -n 2 --dist loadfile $(TEST_ARGS)

bench: install
	$(BIN)/pytest benchmarks --benchmark-only

# Warnings are errors: a link to a page or heading that is not there fails. Nothing is fetched.
docs: install
	cd $(BIN)/.. && bin/sphinx-build -W --keep-going -q -b html -d $(CURDIR)/docs/_build/trees $(CURDIR)/docs $(CURDIR)/docs/_build/html

# The links to other sites, which only a machine with a network can follow.
docs-links: install
	cd $(BIN)/.. && bin/sphinx-build -q -b linkcheck -d $(CURDIR)/docs/_build/trees $(CURDIR)/docs $(CURDIR)/docs/_build/links

# The pictures: diagrams from the code, and the landing page's from a finished demo.
docs-pictures: install
	cd $(BIN)/.. && bin/python $(CURDIR)/docs/pictures/diagrams.py
	cd $(BIN)/.. && bin/python $(CURDIR)/docs/pictures/landing.py $(abspath $(DEMO_OUT))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd $(BIN)/.. && $(BIN)/lint-imports --no-cache --config $(CURDIR)/pyproject.toml

types: install
	cd $(BIN)/.. && $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p harmoniq

format:
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf build dist harmoniq.egg-info docs/_build docs/api .pytest_cache .ruff_cache .mypy_cache .hypothesis
