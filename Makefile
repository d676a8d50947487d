# What one types: `make run` and `make test` do all the set-up themselves. README.md explains.

PYTHON ?= python3
BIN := .venv/bin
TOOLS := .cache/tools
PORT ?=
HOST ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Compiling the tests takes longer than collecting them: keep them compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run setup test test-postgresql test-pages test-clouds test-deploy test-full e2e e2e-full screenshots check lint types map translations bench chaos chaos-clouds guide-pictures lock sbom clean

# The demonstration, or the installation that `make setup` prepared: web server and mail worker.
run: .venv/.run
	@$(if $(PORT),PORT=$(PORT)) $(if $(HOST),HOST=$(HOST)) $(BIN)/flask --app wsgi up

# The first real installation: settings into .env, operator, own partner account, a test mail.
setup: .venv/.run
	@$(BIN)/python -m portal.cli.setup

# Most tests on SQLite alone (`test-postgresql` has the others), no real installations and upgrades,
# no tour of every page in a browser (`test-full` has all of it), and no real servers of clouds
# (`test-clouds`).
MARKS ?= not deploy and not tour and not clouds
test: .venv/.dev
	@$(BIN)/pytest -n auto --dist worksteal -m "$(MARKS)"

# On PostgreSQL what `test` runs on SQLite alone; TESTS="tests/domain" chooses.
test-postgresql: .venv/.dev
	@$(BIN)/pytest -n auto --dist worksteal --postgresql -m "$(MARKS)" $(TESTS)

# Every page on a phone's width and in both themes, read by axe.
test-pages: .venv/.dev
	@$(BIN)/pytest -n auto -m tour

test-deploy: .venv/.dev
	@$(BIN)/pytest -n auto --dist worksteal -m deploy

# The first run installs the servers into .cache/clouds. One process: each is started once.
# LXD needs root, and Debian's packages.
test-clouds: .venv/.dev
	@$(BIN)/pytest -n 0 -m clouds

test-full: .venv/.dev
	@$(BIN)/pytest -n auto --dist worksteal --full -m "not clouds"

e2e: .venv/.dev
	@$(BIN)/pytest tests/e2e

# The same at every width, in both themes and languages, on both databases.
e2e-full: .venv/.dev
	@$(BIN)/pytest tests/e2e --full

# Every page at three widths in both themes, into screenshots/; PAGES="customer link" chooses.
screenshots: .venv/.dev
	@$(BIN)/python -m tests.support.screenshots $(PAGES)

check: lint types test

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/djlint --quiet --lint portal/templates

types: .venv/.dev
	@$(BIN)/mypy

# What must be fast, measured beside what it is measured against.
bench: .venv/.dev
	@$(BIN)/python -m bench.drop_down
	@$(BIN)/python -m bench.slow_clients
	@$(BIN)/python -m bench.usage_import
	@$(BIN)/python -m bench.closing
	@$(BIN)/python -m bench.usage_pages
	@$(BIN)/python -m bench.usage_memory

# What is lost or repeated while processes are killed and servers fail: docs/reliability.md.
# DATABASES="sqlite" chooses; SEED=1 repeats a run. About six minutes for each database.
DATABASES ?= sqlite postgresql
SEED ?=
chaos: .venv/.dev
	@$(BIN)/python -m tests.chaos $(DATABASES) $(if $(SEED),--seed $(SEED))

# What is missing, doubled or not as agreed at a pretended cloud after some 200 orders, while workers
# and the web server are killed. About two minutes for each database; with CLOUD=keystone at a real
# Keystone, about four.
CLOUD ?=
chaos-clouds: .venv/.dev
	@$(BIN)/python -m tests.chaos.clouds $(DATABASES) $(if $(SEED),--seed $(SEED)) $(if $(CLOUD),--$(CLOUD))

# The map of modules in docs/architecture.md.
map: .venv/.run
	@$(BIN)/python -m tests.support.map

# The catalogues of translations: what the sources say now, what was translated kept; compiled.
translations: .venv/.run
	@$(BIN)/python -m tests.support.catalogue

# The pictures of the guide, in each of its languages, anew.
guide-pictures: .venv/.dev
	@$(BIN)/python -m tests.support.pictures

# Pin what the .in files name and all that it needs, by version and hash, for every platform.
# Pins stay as they are; UPGRADE=idna takes the newest of a package that no .in file names.
UPGRADE ?=
lock: $(TOOLS)/.complete
	@for name in requirements requirements-dev requirements-tools \
			tests/clouds/keystone tests/clouds/cloudkitty tests/clouds/openstackclient; do \
		$(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-strip-extras --no-annotate --custom-compile-command "make lock" \
			$(if $(UPGRADE),--upgrade-package $(UPGRADE)) \
			--output-file $$name.txt $$name.in || exit 1; \
	done

# The software bill of materials: what is installed and what is in portal/static/vendor.
sbom: $(TOOLS)/.complete
	@$(TOOLS)/bin/cyclonedx-py requirements --output-reproducible requirements.txt \
		| $(TOOLS)/bin/python deploy/sbom.py >sbom.cdx.json
	@echo "Written: sbom.cdx.json"

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .hypothesis

.venv/.run: requirements.txt | .venv/bin/pip
	@echo "Installing what the portal needs …"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | .venv/bin/pip
	@echo "Installing what the portal, its tests and linters need …"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	@touch .venv/.run $@

$(TOOLS)/.complete: requirements-tools.txt
	@echo "Installing the tools of make lock and make sbom …"
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/pip install --quiet --require-hashes --requirement requirements-tools.txt
	@touch $@

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Name a newer one: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python lacks its venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "The virtual environment .venv could not be made; see the message above."; exit 1; }
