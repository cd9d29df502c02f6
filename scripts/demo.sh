#!/bin/sh
# A study of the template tiny-lm in the folder $1, with $2 experiments; a second call is a new study beside the first.
set -eu
loop="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/deep-loop"

[ -f "$1/deep-loop.toml" ] || "$loop" init "$1" --template tiny-lm >/dev/null
number=1
while git -C "$1" show-ref --quiet "refs/heads/deep-loop/demo$number"; do
    number=$((number + 1))
done
exec "$loop" run --workspace "$1" --tag "demo$number" --from main --max-experiments "$2" --agent tuner
