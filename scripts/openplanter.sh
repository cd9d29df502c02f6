#!/bin/sh
# Install OpenPlanter, an agent that can analyse a study, at the commit that its tests were made with, into .openplanter.
# Where it cannot be reached, say so and go on: a study works without it.
set -eu
cd "$(dirname "$0")/.."

commit=81d75620ff50a69f576bc19a8bb17738e952387a
agent=.openplanter/bin/openplanter-agent
python="${PYTHON:-python3}"

if [ -x "$agent" ] && [ "$(cat .openplanter/commit 2>/dev/null)" = "$commit" ]; then
    echo "OpenPlanter is installed: $agent"
    exit 0
fi
if ! "$python" -m venv .openplanter >/dev/null 2>&1 || ! .openplanter/bin/pip install --quiet \
    "openplanter-agent @ git+https://github.com/ShinMegamiBoson/OpenPlanter@$commit" >.openplanter/install.log 2>&1; then
    tail -n 1 .openplanter/install.log 2>/dev/null || true
    rm -f "$agent"
    echo "OpenPlanter could not be installed (.openplanter/install.log); going on without it"
    exit 0
fi
echo "$commit" >.openplanter/commit
echo "$agent"
