#!/bin/sh
# Make .venv, or bring it up to date: `env.sh` to run deep-loop, `env.sh dev` to develop it too.
# What is there already is left alone. PYTHON names the interpreter (default: python3, 3.11 or later).
set -eu
cd "$(dirname "$0")/.."

lock=requirements.lock
[ "${1:-}" = dev ] && lock=requirements-dev.lock
stamp=".venv/installed-$lock"

if [ -f "$stamp" ] && cmp -s "$stamp" "$lock" && [ pyproject.toml -ot "$stamp" ] && [ -x .venv/bin/deep-loop ]; then
    exit 0
fi

python=${PYTHON:-}
for name in $python python3 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
    python=""
done
if [ -z "$python" ]; then
    printf '%s\n\nhint: %s\n' "there is no Python 3.11 or later on the PATH" \
        "install one, or name it: PYTHON=/path/to/python3" >&2
    exit 1
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing the packages of $lock into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
cp "$lock" "$stamp"
# The packages to develop include those to run.
[ "$lock" = requirements.lock ] || cp requirements.lock .venv/installed-requirements.lock
