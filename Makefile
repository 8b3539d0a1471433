# One command each. Everything runs in .venv, which `make setup` makes; PYTHON=... chooses the Python it is made with.
PY := .venv/bin/python
PACKAGES := model formats protocol shm link settings agent comm sdk cli site controller guest broker_test
SOURCES := agent protocol clients broker-test tests deploy
TSC := .cache/web-tools/node_modules/.bin/tsc
ARGS ?=

.PHONY: help setup demo test check fmt bench soak docs screenshots locks clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv; as root on Debian, install the packages that are wanted too
	@deploy/setup.sh

demo: setup  ## a broker, a controller, two simulated hosts and, with libvirt, a real one; ARGS="--hosts 3"
	@deploy/demo.sh $(ARGS)

test:  ## set up, check, and run every test but the long ones: side by side, and those that share one libvirt beside them
	@deploy/setup.sh test
	@nice -n 10 $(MAKE) --no-print-directory check >.cache/check.log 2>&1 & check=$$!; \
	  status=0; $(PY) tests/run.py $(ARGS) || status=$$?; \
	  wait $$check || status=$$?; cat .cache/check.log; exit $$status

check: setup  ## ruff, mypy --strict, the import contracts and the dashboard's types
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/mypy $(addprefix -p guestwire.,$(PACKAGES))
	.venv/bin/lint-imports --no-logo
	@if test -x $(TSC); then $(TSC) -p deploy/web/tsconfig.json --pretty false; \
	  else echo "The dashboard's types are not checked: no tsc here (deploy/setup.sh test installs it, with npm)"; fi

fmt: setup  ## format the code and mend what ruff can mend
	.venv/bin/ruff check --fix $(SOURCES)
	.venv/bin/ruff format $(SOURCES)

bench:  ## measure, beside the raw libraries and other systems; a table and build/bench.json
	@deploy/setup.sh bench
	@mkdir -p build
	$(PY) tests/bench/run.py --json build/bench.json $(ARGS)

soak: setup  ## the long tests: many crashes, many connections
	$(PY) -m pytest -m soak $(ARGS)

docs: setup  ## generate the pages and documents that come from the code
	$(PY) deploy/docs/generate.py
	$(PY) deploy/docs/reference/generate.py
	$(PY) deploy/docs/reference/freeze_openapi.py
	$(PY) deploy/web/api_types.py

screenshots:  ## pictures of the dashboard for the documentation, from a demo of its own
	@deploy/setup.sh test
	$(PY) deploy/web/screenshots.py $(ARGS)

locks:  ## write deploy/locks from pyproject.toml; UPGRADE=1 takes the newest versions
	@deploy/locks/compile.sh

clean:  ## remove what was made here, .venv included
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
