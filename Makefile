# Every target sets up what it needs, in .venv, once. CONFIG= or PROFILE= chooses the run:
#   make bench-all                                  the embedded demo, no download
#   make bench-all CONFIG=configs/m3fd-msrs.yaml    the papers' run on your downloads
#   make bench-all PROFILE=real-sample              configs/real-sample.yaml
PROFILE ?= demo
CONFIG ?= configs/$(PROFILE).yaml
PYTHON ?= python3
# Recorded values and published sheets, for `make calibrate`
SHARED ?= $(or $(IVIF_BENCH_SHARED),../shared)
# cpu, cu128, ... : uv's torch backend, for machines that reach PyTorch's own index
TORCH_BACKEND ?=
UV_VERSION = 0.13.9
# `make test PROCESSOR=generic`: as on an x86 processor without AVX and without Intel's libraries.
# The libraries read these variables when they start.
PROCESSOR ?=
GENERIC = ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem \
  NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= \
  NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR" \
  OPENCV_IPP=disabled OPENCV_CPU_DISABLE=AVX512-SKX,AVX2,FP16,AVX,SSE4.2,SSE4.1
ON_PROCESSOR = $(if $(filter generic,$(PROCESSOR)),env $(GENERIC))

# `make test-all TESTS=slow`: only those that `make test` leaves out, after it
TESTS ?=
# Compiled modules are kept, whatever the shell says: tests start some hundred processes.
PYTEST = env PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadscope

VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready$(if $(TORCH_BACKEND),-$(TORCH_BACKEND))
IVIF = $(BIN)/ivif-bench

.PHONY: setup bench-all bench-fusion bench-detection bench-segmentation bench-complexity tables test test-all lint \
        bench-speed calibrate lock links clean

# Compiled ahead, so that the first measurement need not wait; without, it compiles what it needs.
setup: $(READY)
	$(BIN)/python -m ivif_bench.tasks.quality.kernels

$(READY): requirements.lock pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "ivif-bench needs Python 3.11 to 3.13; run make PYTHON=/path/to/python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_LINK_MODE=hardlink $(BIN)/uv pip install --quiet \
	  --compile-bytecode $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	touch $@

bench-all: $(READY)
	$(IVIF) run $(CONFIG) --page

bench-fusion: $(READY)
	$(IVIF) quality $(CONFIG)

bench-detection: $(READY)
	$(IVIF) detect $(CONFIG)

bench-segmentation: $(READY)
	$(IVIF) segment $(CONFIG)

bench-complexity: $(READY)
	$(IVIF) complexity $(CONFIG)

# The run directory is named in the configuration; tables are made from what is in it.
tables: $(READY)
	$(IVIF) report $(CONFIG)

test: $(READY)
	$(ON_PROCESSOR) $(PYTEST) -m "not slow"

test-all: $(READY)
	$(ON_PROCESSOR) $(PYTEST) $(if $(TESTS),-m $(TESTS))

# mypy and editors do not follow the import hook of an editable install; they follow these links.
links:
	rm -rf .links
	mkdir -p .links/ivif_bench
	ln -s $(CURDIR)/bench/* $(CURDIR)/fusion_models $(CURDIR)/tasks $(CURDIR)/reports .links/ivif_bench/

lint: $(READY) links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-speed: $(READY)
	for script in benchmarks/metrics.py benchmarks/evaluate.py benchmarks/d*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The calibration sheet and the generated tables of docs/metrics.md, from recorded values.
calibrate: $(READY)
	$(BIN)/python -m benchmarks.calibration --golden $(SHARED)/golden/metrics \
	  --published $(SHARED)/data --markdown docs/calibration.md --csv docs/calibration.csv \
	  --insert docs/metrics.md

# Exact versions for every supported Python and system; no addresses in the file.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras pyproject.toml \
	  --upgrade --no-header --no-annotate --no-emit-index-url -o requirements.lock

clean:
	rm -rf $(VENV) .links build *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
