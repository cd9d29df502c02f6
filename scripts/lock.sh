#!/bin/sh
# Pin every dependency, with hashes and without addresses: requirements.lock to run, requirements-dev.lock to develop.
# Needs uv on the PATH. Run it after changing the dependencies in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
pin() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command scripts/lock.sh "$@"
}
pin pyproject.toml --all-extras --group build --output-file requirements.lock
pin pyproject.toml --all-extras --group build --group dev --output-file requirements-dev.lock
