# Everything a newcomer needs: `make run` and `make test`. No tool but make, Python and Node has to be there first.
PY := .venv/bin/python
UV := .venv/bin/uv

.PHONY: setup run test check bench

setup: .venv/.ready

.venv/bin/uv:
	python3 -m venv .venv
	.venv/bin/pip install -q uv

.venv/.ready: .venv/bin/uv pyproject.toml
	$(UV) sync -q
	@touch $@

tests/stock/node_modules/.ready: tests/stock/package.json
	cd tests/stock && npm install --no-audit --no-fund --silent
	@touch $@

run: setup
	@.venv/bin/segue dev $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: setup tests/stock/node_modules/.ready
	$(PY) -m pytest -q $(ARGS)

check: setup
	$(PY) -m ruff check --quiet server tests bench
	$(PY) -m ruff format --check --quiet server tests bench
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache

bench: setup
	$(PY) -m bench
