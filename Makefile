# make demo    a study of a small language model, in ./demo (DIR=... for another place)
# make test    all checks and tests, but those of
# make test-clients    whole nights with agents, and real coding agents where scripts/clients.sh has installed them
# make bench NAME=demo [QUICK=1]    a benchmark;  make bench-docs writes docs/benchmarks.md from the results
.POSIX:
.PHONY: demo test test-clients lint env env-dev bench bench-docs lock clean

DIR = demo
EXPERIMENTS = 24
NAME = demo
PYTHON_BIN = .venv/bin/python

demo: env
	@scripts/demo.sh "$(DIR)" "$(EXPERIMENTS)"

test: env-dev lint
	$(PYTHON_BIN) -m pytest -n 2 --dist worksteal -m "not clients"

test-clients: env-dev
	$(PYTHON_BIN) -m pytest -n 2 --dist worksteal -m clients

lint: env-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

env:
	@scripts/env.sh

env-dev:
	@scripts/env.sh dev

bench: env-dev
	$(PYTHON_BIN) -m benchmarks $(NAME) $${QUICK:+--quick}

bench-docs: env-dev
	$(PYTHON_BIN) -m benchmarks --docs

lock:
	scripts/lock.sh

clean:
	rm -rf .venv build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
