#!/bin/sh
# Install the coding agents that the tests of tests/clients run, at the versions that they were written for, into .clients:
# `clients.sh` Claude Code and Codex, `clients.sh all` opencode and Gemini too. Needs npm; 0.8 or 1.3 GB.
set -eu
cd "$(dirname "$0")/.."

wanted="@anthropic-ai/claude-code@2.1.330 @openai/codex@0.169.0"
[ "${1:-}" = all ] && wanted="$wanted opencode-ai@1.18.33 @google/gemini-cli@0.61.0"

if ! command -v npm >/dev/null 2>&1; then
    printf '%s\n\nhint: %s\n' "npm is not installed" "install Node.js 20 or later, which brings it" >&2
    exit 1
fi
# No lock file: it would record addresses of downloads.
# shellcheck disable=SC2086  (one word a package)
npm install --prefix .clients --no-package-lock --no-audit --no-fund --loglevel=error $wanted
for client in .clients/node_modules/.bin/*; do
    case ${client##*/} in claude | codex | opencode | gemini) echo "$client" ;; esac
done
