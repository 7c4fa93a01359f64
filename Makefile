# `make run` and `make test` are all a newcomer needs; each sets up what it lacks.
PY := .venv/bin/python
UV := .venv/bin/uv

.PHONY: setup run test faults check bench profile

setup: .venv/.ready server/segue/web/.ready

# A virtual environment of its own, because Debian's Python refuses `pip install`.
.venv/bin/uv:
	python3 -m venv .venv
	.venv/bin/pip install -q uv

.venv/.ready: .venv/bin/uv pyproject.toml
	$(UV) sync -q
	@touch $@

client_js/node_modules/.ready: client_js/package.json
	cd client_js && npm install --silent --no-audit --no-fund
	@touch $@

# The page is part of the Python package: what is installed needs no Node. Without Node 20 to build it with,
# the server runs all the same, and says at its address how to get the page.
server/segue/web/.ready: client_js/package.json $(shell find client_js/src client_js/web -type f) \
                         $(wildcard client_js/vite*.ts)
	@if node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null; then \
	  $(MAKE) --no-print-directory client_js/node_modules/.ready \
	  && cd client_js && npm run --silent build && touch ../$@; \
	else echo "No Node 20 here: the server starts without its page (install nodejs 20 and npm)."; fi

tests/stock/node_modules/.ready: tests/stock/package.json
	cd tests/stock && npm install --silent
	@touch $@

# The storage tests run on Segue's own Postgres and on Debian's. Where it is missing it is installed,
# by whoever may; elsewhere these tests are skipped and say so.
.PHONY: debian-postgres
debian-postgres:
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } \
	|| echo "No PostgreSQL of Debian's here: its tests are skipped (apt install postgresql)."

# The tests of the page drive Debian's browser; where it is missing it is installed, as above.
.PHONY: debian-chromium
debian-chromium:
	@command -v chromium >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	|| echo "No chromium here: the tests of the page are skipped (apt install chromium)."

run: setup
	@.venv/bin/segue dev $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

# Side by side, since much of it is waiting; one after the other with JOBS=1. In the order of the folders:
# those with few and long files come first, so that no long one is left for the end.
SIDE_BY_SIDE = $(if $(filter-out 1,$(1)),-n $(1) --dist loadfile --no-loadscope-reorder)

test: setup client_js/node_modules/.ready tests/stock/node_modules/.ready debian-postgres debian-chromium
	$(if $(ARGS),,cd client_js && npm run --silent test)
	$(PY) -m pytest -q $(call SIDE_BY_SIDE,$(or $(JOBS),$(if $(ARGS),1,3))) $(ARGS)

# Kills, cuts and starves everything again and again: make faults ROUNDS=20 ONLY="kill and server"
faults: setup tests/stock/node_modules/.ready debian-chromium
	$(PY) -m pytest -q tests/faults --rounds=$(or $(ROUNDS),10) $(call SIDE_BY_SIDE,$(or $(JOBS),2)) \
	  $(if $(ONLY),-k "$(ONLY)")

check: setup client_js/node_modules/.ready
	$(PY) -m ruff check --quiet server tests bench examples
	$(PY) -m ruff format --check --quiet server tests bench examples
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	cd client_js && npm run --silent check

bench/peers/node_modules/.ready: bench/peers/package.json
	cd bench/peers && npm install --silent
	@touch $@

bench: setup bench/peers/node_modules/.ready
	$(PY) -m bench $(ARGS)

profile: setup
	$(UV) run -q --with py-spy python -m bench.profiling
