# make sweep   set up, run the quick sweep, end with the path of its report
# make test    set up, run every test
# make lint    formatting, lint, and the core under -Werror
# make sanitize  the core's tests under the address and undefined-behaviour sanitizers
# make sanitize-threads  the tests that use threads, under the thread sanitizer
# make bench   the speed benchmarks beside other libraries
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := $(shell find boostlab -name '*.py' -o -name '*.c' -o -name '*.h') \
	pyproject.toml constraints.txt meson.build $(shell find boostlab -name meson.build)
JOBS ?= 2
SANITIZED := build-sanitize
THREADED := concurrency grow_large predict shap ranking derivatives parts linear_leaves
COMMA := ,

export BOOSTLAB_DATA ?= $(abspath ../shared/data)

.PHONY: sweep test lint sanitize sanitize-threads bench clean

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

# The package with a core of its own, by the meson options $(1), under $(SANITIZED)/site.
define sanitized
	rm -rf $(SANITIZED)
	$(BIN)/meson setup $(SANITIZED) $(1) -Db_lundef=false \
		-Dbuildtype=debugoptimized >/dev/null
	$(BIN)/ninja -C $(SANITIZED) >/dev/null
	mkdir -p $(SANITIZED)/site
	cp -r boostlab $(SANITIZED)/site/
	rm -f $(SANITIZED)/site/boostlab/_core*.so
	cp $(SANITIZED)/boostlab/_core/_core*.so $(SANITIZED)/site/boostlab/
endef
SANITIZED_PYTEST = PYTHONPATH=$(abspath $(SANITIZED))/site PYTHONSAFEPATH=1 \
	$(BIN)/python -m pytest -q -p no:cacheprovider

sanitize: $(VENV)/installed-test
	$(call sanitized,-Db_sanitize=address$(COMMA)undefined \
		-Dc_args=-fno-sanitize-recover=all)
	ASAN_OPTIONS=detect_leaks=0 \
		LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
		$(SANITIZED_PYTEST) tests/core tests/learners \
		-k 'not fork_while'  # a forked child may hang in the sanitizer's own allocator

# A race makes the process end with status 66, also where all tests pass.
sanitize-threads: $(VENV)/installed-test
	$(call sanitized,-Db_sanitize=thread)
	LD_PRELOAD="$$(cc -print-file-name=libtsan.so)" \
		$(SANITIZED_PYTEST) tests/test_threads.py $(THREADED:%=tests/core/test_%.py) \
		-k 'not fork and not multiprocessing'  # whose children may not start threads

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
