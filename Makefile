# make sweep   set up, run the quick sweep, end with the path of its report
# make test    set up, run every test
# make lint    formatting, lint, and the core under -Werror
# make sanitize  the core's tests under the address and undefined-behaviour sanitizers
# make bench   the speed benchmarks beside other libraries
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := $(shell find boostlab -name '*.py' -o -name '*.c' -o -name '*.h') \
	pyproject.toml constraints.txt meson.build $(shell find boostlab -name meson.build)
JOBS ?= 2
SANITIZED := build-sanitize

export BOOSTLAB_DATA ?= $(abspath ../shared/data)

.PHONY: sweep test lint sanitize bench clean

sweep: $(VENV)/installed-sweeps
	$(BIN)/boostlab sweep experiments/quickstart.toml

test: $(VENV)/installed-test
	$(BIN)/pytest -n $(JOBS)

lint: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build-lint
	$(BIN)/meson setup build-lint -Dwerror=true >/dev/null
	$(BIN)/ninja -C build-lint >/dev/null

sanitize: $(VENV)/installed-test
	rm -rf $(SANITIZED)
	$(BIN)/meson setup $(SANITIZED) -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all -Dbuildtype=debugoptimized >/dev/null
	$(BIN)/ninja -C $(SANITIZED) >/dev/null
	mkdir -p $(SANITIZED)/site
	cp -r boostlab $(SANITIZED)/site/
	rm -f $(SANITIZED)/site/boostlab/_core*.so
	cp $(SANITIZED)/boostlab/_core/_core*.so $(SANITIZED)/site/boostlab/
	PYTHONPATH=$(abspath $(SANITIZED))/site PYTHONSAFEPATH=1 ASAN_OPTIONS=detect_leaks=0 \
		LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
		$(BIN)/python -m pytest tests/core tests/learners -q -p no:cacheprovider \
		-k 'not fork_while'  # a forked child may hang in the sanitizer's own allocator

bench: $(VENV)/installed-test
	$(BIN)/python experiments/speed/trees.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "boostlab needs Python 3.11 or newer; set PYTHON to one."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-%: $(VENV)/bin/python $(SOURCES)
	$(PIP) '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) build build-* results
