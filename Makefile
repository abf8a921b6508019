# make run   set up and run the main job          make test   set up, lint, check types, test
# make campaigns  the campaigns in full, of which make test takes a sample: mistakes, checks, planted
#              mistakes, faults, language server, site, wheels, pairs of settings (hours). Parts of it:
# make faults  kills, disk errors, processes side by side (an hour)
# make truth  edit what steps depend on between two runs, in hundreds of ways, and count the stale
#              results and the needless calls (an hour)
# make regressions  plant each mistake of tests/campaigns/mutants in a copy of the built-in steps, and
#              list all shipped recipes that notice it (minutes)
# make mutants  change the code of the framework at places drawn at random, and count the changes that
#              the tests of its room notice (an hour; RESULTS names the file of results)
# make fuzz    read what a fuzzer makes up, ten minutes for each kind of file and text that comes from
#              others (two hours and a half; FUZZ_SECONDS for each, FUZZED names some of the targets)
# make coverage  the lines that make test runs of flowrun, flowrun_tensors and flowrun_tables
# make oldest  the tests of the check with the oldest torch that setup.cfg names (it is downloaded)
# make docs    build the pages of docs/ as a site into site/; a broken link or anchor is an error
# make reference  write docs/reference from the docstrings and signatures of the code
# make dist    build the distributions of the last commit into dist/, check them, and install each in
#              an empty environment where the main job runs (minutes); see docs/releasing.md
# make bench   time training beside other libraries, into docs/benchmarks.md (half an hour, downloads)
# All need Python 3.11+, make and a package index, and are quick when nothing changed.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The first is of a checkout that was installed by the distribution's former name.
INSTALL := rm -rf flowrun.egg-info && $(BIN)/pip uninstall --quiet --yes flowrun 2>/dev/null; \
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
METADATA := setup.cfg pyproject.toml constraints.txt

.PHONY: run test campaigns faults truth regressions mutants fuzz coverage oldest dist bench docs reference lint types clean

run: $(VENV)/.installed
	$(BIN)/flowrun recipes/red_linear.yaml

test: lint types
	@$(BIN)/python -m compileall -q framework plugins tests  # the tests start Python often, and keep nothing
	$(PYTEST)

# Neighbouring tests stay in one process, which shares what is made for them, until one has none left.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

campaigns: $(VENV)/.installed-test
	FLOWRUN_CAMPAIGNS=all $(PYTEST) -m campaign

faults: $(VENV)/.installed-test
	FLOWRUN_CAMPAIGNS=all $(PYTEST) tests/campaigns/faults

truth: $(VENV)/.installed-test
	$(BIN)/python -m tests.campaigns.truth

regressions: $(VENV)/.installed-test
	$(BIN)/python -m tests.campaigns.mutants

RESULTS ?= mutants.json
mutants: $(VENV)/.installed-test $(VENV)/.installed-mutants
	@$(BIN)/python -m compileall -q framework plugins tests
	$(BIN)/python -m tests.campaigns.mutation --results $(RESULTS)

FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.installed-test $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.campaigns.fuzzing $(FUZZED) --seconds $(FUZZ_SECONDS)

coverage: $(VENV)/.installed-test
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run $(wordlist 2,99,$(PYTEST))
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# What stands for absent devices is private to torch, and may be another in each of its versions.
OLDEST_TORCH := $(shell sed -n 's/^ *torch>=//p' setup.cfg)
oldest: $(BIN)/python
	$(PYTHON) -m venv $(VENV)-oldest
	grep -v '^torch==' constraints.txt > $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/pip install --quiet --disable-pip-version-check \
		--constraint $(VENV)-oldest/constraints.txt 'torch==$(OLDEST_TORCH).*' --editable '.[test]'
	$(VENV)-oldest/bin/python -m pytest --numprocesses auto --maxprocesses 2 \
		tests/tensors/checking/test_check_mode_devices.py tests/tensors/checking/test_check_mode_errors.py

dist: $(VENV)/.installed-dist
	$(BIN)/python -m tests.campaigns.installation.release dist

bench: $(BIN)/python
	$(BIN)/python -m benchmarks.training --out docs/benchmarks.md

docs: $(VENV)/.installed-docs
	$(BIN)/python -m mkdocs build --strict

reference: $(VENV)/.installed
	$(BIN)/python docs/make_reference.py

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(VENV)-oldest .cache build dist site *.egg-info .mypy_cache .coverage .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("flowrun needs Python 3.11 or later; this is " + sys.version.split()[0] + " (choose another: make PYTHON=python3.12 ...)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(METADATA) | $(BIN)/python
	@echo "installing flowrun and torch into $(VENV); the first time takes a minute"
	$(INSTALL) --editable '.[pytest,tables,watch]'
	@touch $@

$(VENV)/.installed-test: $(METADATA) | $(BIN)/python
	@echo "installing flowrun, torch and the test tools into $(VENV); the first time takes a minute"
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-mutants: $(METADATA) | $(BIN)/python
	$(INSTALL) --editable '.[mutants]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-fuzz: $(METADATA) | $(BIN)/python
	$(INSTALL) --editable '.[fuzz]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(METADATA) | $(BIN)/python
	$(INSTALL) --editable '.[docs]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dist: $(METADATA) | $(BIN)/python
	$(INSTALL) --editable '.[dist]'
	@touch $@ $(VENV)/.installed
