#!/bin/sh
# Install bubblewrap, which keeps a study's runs in their place, where apt can do that without asking.
# Elsewhere say so and go on: a study works without it, with less protection (`deep-loop doctor` tells).
set -eu

[ "$(uname -s)" = Linux ] || { echo "bubblewrap is for Linux; runs are not sandboxed here"; exit 0; }
if command -v bwrap >/dev/null 2>&1; then
    bwrap --version
    exit 0
fi

if [ "$(id -u)" = 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    sudo=none
fi
if [ "$sudo" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "bubblewrap is not installed, and cannot be without you: apt install bubblewrap (or your system's own way)"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  (empty or two words)
$sudo apt-get install -y -qq bubblewrap >/dev/null 2>&1 ||
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq bubblewrap >/dev/null; } ||
    { echo "bubblewrap could not be installed; going on without it"; exit 0; }
bwrap --version
