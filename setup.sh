#!/bin/sh
# Make the environment in .venv and say what to type next. Safe to run again: what is done is skipped.
# With --with-openplanter the analyst of that name is installed too, in .openplanter.
set -eu
cd "$(dirname "$0")"

fail() {
    printf '%s\n\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

step() { printf '==> %s\n' "$1"; }

OPENPLANTER=no
for flag in "$@"; do
    case $flag in
    --with-openplanter) OPENPLANTER=yes ;;
    *) fail "setup.sh: $flag is no flag of it" "its only one is --with-openplanter" ;;
    esac
done

step "Python 3.11 or later"
PYTHON=""
for name in ${PYTHON3:-} python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null 2>&1 &&
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        PYTHON=$(command -v "$name")
        break
    fi
done
[ -n "$PYTHON" ] || fail "there is no Python 3.11 or later on the PATH" \
    "install one (Debian: apt install python3 python3-venv), or name it: PYTHON3=/path/to/python3 ./setup.sh"
printf '    %s (%s)\n' "$("$PYTHON" --version)" "$PYTHON"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$PYTHON cannot make virtual environments" "install its venv module (Debian: apt install python3-venv)"

step "git"
command -v git >/dev/null 2>&1 || fail "there is no git on the PATH" "install it (Debian: apt install git)"
printf '    %s\n' "$(git --version)"

step "bubblewrap, which keeps runs in their place (optional)"
scripts/bubblewrap.sh | sed 's/^/    /'

step "the environment in .venv"
PYTHON="$PYTHON" scripts/env.sh

if [ "$OPENPLANTER" = yes ]; then
    step "OpenPlanter, which can analyse a study (optional)"
    PYTHON="$PYTHON" scripts/openplanter.sh | sed 's/^/    /'
fi

step "what this machine has"
.venv/bin/deep-loop doctor | sed 's/^/    /'

cat <<'NEXT'

Ready. Next:
    python3 orchestrate.py --tag exp1        # a study in ./workspace, made on first use
    make demo                                # or: a short study in ./demo
or, with the environment's own command:
    . .venv/bin/activate
    deep-loop init my-study && cd my-study && deep-loop run --tag exp1
NEXT
