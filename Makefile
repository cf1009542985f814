# `make book` and `make test` on a fresh machine make the environment first.

# The first Python that runs and is 3.11 or 3.12. Choose another: make book PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)

# On a machine with an NVIDIA GPU: make .venv LOCK=requirements-gpu.txt
LOCK ?= requirements.txt

export TF_CPP_MIN_LOG_LEVEL ?= 3

UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help book browser test reproduce adopt begin graph cluster record nbval lint format lock clean .venv

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: .venv/.installed  ## Run every chapter and build the book: _build/html/index.html
	.venv/bin/jupyter-book build book --all -W -n --keep-going

browser: book  ## Build the book and read it in a headless Chromium (CHROMIUM=/path/to/chromium)
	READ_BOOK=1 .venv/bin/python -m pytest tests/test_browser.py tests/test_try_it.py

test: .venv/.installed  ## Run the tests and the doctests
	.venv/bin/python -m pytest

PROFILE ?= quick

# A run that was killed leaves a lock, which would be in the way of going on.
SNAKEMAKE = .venv/bin/python -m snakemake --cores all $(GPUS:%=--resources gpu=%) --rerun-incomplete --nolock \
	--config profile=$(PROFILE) $(SCALE:%=scale=%)

reproduce: .venv/.installed  ## Train, measure, run the chapters, build the book: runs/$(PROFILE); SCALE=0.01 to try
	$(SNAKEMAKE)

adopt: .venv/.installed  ## Take the networks, cards and records of such a run into data/
	.venv/bin/python -m lib adopt --profile $(PROFILE)

begin: .venv/.installed  ## Begin such a run with what data/ has of it and still holds
	.venv/bin/python -m lib adopt --begin --profile $(PROFILE) $(KEEP:%=--keep %)

graph: .venv/.installed  ## List what `make reproduce` would run
	$(SNAKEMAKE) --dry-run

cluster: .venv/.installed  ## Run two rules of the graph on a Slurm of one node, this machine: needs slurm-wlm and munge
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements-slurm.txt
	.venv/bin/python -m lib.studies.cluster runs/quick/records/photos.json runs/quick/records/patches.json

CHAPTERS ?=
CHANGED ?=

record: .venv/.installed  ## Record what the chapters answer, or CHAPTERS="optics dataset", or CHANGED=1: tests/recorded
	.venv/bin/python -m lib.studies.chapters $(if $(CHANGED),--changed) $(CHAPTERS)

nbval: .venv/.installed  ## Run the recorded chapters again and compare
	.venv/bin/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=600 \
		--nbval-sanitize-with tests/recorded/sanitize.cfg $(or $(CHAPTERS:%=tests/recorded/%.ipynb),tests/recorded)

lint: .venv/.installed  ## Check style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

format: .venv/.installed  ## Fix style and formatting
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock:  ## Resolve requirements.in anew (needs uv)
	$(COMPILE) --upgrade requirements.in --output-file requirements.txt
	sed -E 's/^tensorflow-cpu==([0-9.]+).*/tensorflow[and-cuda]==\1; sys_platform == "linux"/; s/^(tensorflow==[0-9.]+); .*/\1; sys_platform != "linux"/' requirements.in \
		| $(COMPILE) --constraints requirements.txt - --output-file requirements-gpu.txt
	echo snakemake-executor-plugin-slurm | $(COMPILE) --constraints requirements.txt - --output-file requirements-slurm.txt

clean:  ## Remove the built book and the caches; .venv stays
	rm -rf _build .pytest_cache .ruff_cache
	find book lib tests -name __pycache__ -prune -exec rm -rf {} +

.venv: .venv/.installed  ## Make the environment from the locked requirements.txt, with `defocus` in it

# The book's cells run in other folders than this one and import `lib` all the same: it is installed, and read from here.
.venv/.installed: .venv/.locked pyproject.toml
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.locked: $(LOCK)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 was not found. Install one, or name it: make book PYTHON=/path/to/python" >&2; exit 1; }
	@test ! -L .venv || { echo ".venv is a link, and making it anew would empty what it points to: remove the link first." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	@touch $@
