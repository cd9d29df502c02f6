#!/bin/sh
# A study of the template tiny-lm in the folder $1, with $2 experiments; a second call is a new study beside the first.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
loop="$here/.venv/bin/deep-loop"

[ -f "$dir/deep-loop.toml" ] || "$loop" init "$dir" --template tiny-lm >/dev/null
cd "$dir"
number=1
while git show-ref --quiet "refs/heads/deep-loop/demo$number"; do
    number=$((number + 1))
done
exec "$loop" run --tag "demo$number" --from main --max-experiments "$2"
