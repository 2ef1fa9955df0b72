# Frontburner. `make demo` renders a picture, `make test` runs what must hold. See CONTRIBUTING.md.
PYTHON ?= python3
VENV := .venv
N ?= 200
TRIES ?= 20
INPUTS ?= 5000
BIN := $(VENV)/bin
RENDERERS := povray povray-includes povray-examples blender
DATABASES := postgresql
WINDOWS := wine wine64 gcc-mingw-w64-x86-64 mingw-w64-tools
CLUSTERS := slurm-wlm munge openssh-server openssh-client
STAMP := $(VENV)/.installed
# Tests run in parallel: one more than there are cores, since they wait a lot.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(8, (os.cpu_count() or 1) + 1))")
SIDE_BY_SIDE = -n $(WORKERS) --dist worksteal
# Percent of the lines that tests run in their own process; what only runs in processes they start isn't counted.
COVERAGE_FLOOR := 80

.PHONY: env env-renderers demo test test-quick lint types unit test-slow test-monitor test-faults test-scenes test-suspend test-farm test-nightly test-trust test-clusters test-addon test-windows test-windows-short env-windows test-macos addon soak bench simulate side-by-side modes lock llvm reference clean docs

env: $(STAMP)  ## .venv with everything, from the lock file

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

env-renderers: env  ## Blender (bpy) into .venv and, on Debian as root, POV-Ray onto the machine
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-renderers.lock
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(RENDERERS) >/dev/null; fi

env-windows: build/windows/wpy  ## Windows' Python under Wine, with everything from the lock file; Debian, as root

build/windows/wpy: requirements.lock tests/windows/make_python.py tests/windows/dlls.py | env
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(WINDOWS) >/dev/null; fi
	$(BIN)/python -m tests.windows.make_python build/windows

demo: env  ## render the sample still: about a minute on two cores
	$(BIN)/frontburner render scenes/interior.xml --size 640x360 --samples 160 --out renders

test: env lint types unit  ## what must hold before a change lands

test-quick: env lint types  ## for every commit, under three minutes: no test that starts a process, server or renderer
	$(BIN)/python -m pytest -m quick $(SIDE_BY_SIDE)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: env  ## for Linux, Windows and macOS
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/macos

unit: env
	$(BIN)/python -m pytest -m "not slow" $(SIDE_BY_SIDE) --cov --cov-report= --cov-fail-under=$(COVERAGE_FLOOR)

test-slow: env  ## the slowest tests: cut networks, changed clocks, broken nodes, POV-Ray's sample scenes, the docs' commands
	$(BIN)/python -m pytest -m slow

test-monitor: env  ## the monitor's page in a real browser (Debian: apt-get install chromium); build/monitor.json
	$(BIN)/python -m pytest tests/monitor

test-faults: env  ## N faults (200) injected into real jobs: processes killed, units damaged; build/faults.json
	$(BIN)/python -m tests.faults --count $(N)

test-scenes: env-renderers  ## scenes of all kinds, each also rendered by its renderer directly; build/scenes.json
	$(BIN)/python -m tests.scenes

test-suspend: env  ## jobs suspended TRIES times (20), everything restarted in between, resumed; build/suspend.json
	$(BIN)/python -m tests.faults.suspending --count $(TRIES)

test-windows-short: env-windows  ## what systems do differently, run by Windows' Python: about four minutes
	$(BIN)/python -m tests.windows --short

test-windows: env-windows  ## the tests that concern systems, run by Windows' Python, and those of Windows machines in a farm
	$(BIN)/python -m tests.windows
	FRONTBURNER_WINDOWS_PYTHON=build/windows/wpy $(BIN)/python -m pytest -m "slow or not slow" tests/windows

test-macos: env  ## tests of what systems do differently, and whole jobs, by a Python that has no more than on macOS
	$(BIN)/python -m tests.macos $(SIDE_BY_SIDE)

test-nightly: env  ## a schedule fires on a real Prefect server, a worker renders, mail and webhook are notified
	$(BIN)/python -m pytest -m slow tests/end_to_end/test_nightly.py

test-farm: env  ## a farm that goes down during jobs; PostgreSQL; three machines and an intruder: build/farm.json
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(DATABASES) >/dev/null; fi
	$(BIN)/python -m pytest -m slow tests/farm

test-clusters: env  ## a real Slurm cluster and SSH servers on this machine alone; Debian as root
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(CLUSTERS) >/dev/null; fi
	$(BIN)/python -m pytest -m "slow or not slow" tests/clusters

soak: env  ## 10,000 small units while nodes join and leave: build/soak.json, memory of every process
	$(BIN)/python -m benchmarks.soak

test-trust: env  ## access control: INPUTS (5000) of every kind from outside, and a farm joined by its commands
	INPUTS=$(INPUTS) $(BIN)/python -m pytest tests/gateway tests/monitor/test_anything_dropped.py

bench: env  ## farm against renderer alone, overhead of a unit, processor time by part
	$(BIN)/python -m benchmarks.run

side-by-side: env  ## ours, other ways to distribute the work, and the renderer alone, in turn
	$(BIN)/python -m benchmarks.side_by_side

modes: env  ## auto against tiles and frames, over jobs of many shapes
	$(BIN)/python -m benchmarks.modes

simulate: env  ## strategies side by side on simulated farms: build/simulation.json and plots
	$(BIN)/python -m benchmarks.simulation

lock:  ## update the lock files after a change of dependencies
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra clusters --generate-hashes \
		--no-header --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-deps --generate-hashes \
		--no-header --no-annotate requirements-renderers.in -o requirements-renderers.lock

llvm:  ## Debian: the compiler library that makes Mitsuba about three times faster
	apt-get update -q && apt-get install -y -q libllvm19

docs: env  ## the documentation as a site, without warnings: build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

addon:  ## the Blender add-on: build/frontburner-addon.zip
	$(PYTHON) addons/pack.py build/frontburner-addon.zip

test-addon: env-renderers  ## from the add-on's button to the picture in Blender, on a real farm
	$(BIN)/python -m pytest tests/submission/test_addon.py

reference: env  ## update docs/jobs.md and docs/renderers.md after a change of the job document or a renderer
	$(BIN)/python -m frontburner.cli.reference

clean:
	rm -rf $(VENV) build renders .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
