#!/bin/sh
# Prints the path of a Chromium: one on PATH, or Debian's package, which is installed if this runs as root.
# If neither is available, it says so and fails.
set -eu

find_one() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

find_one && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "apt-get: installing chromium" >&2
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1 || true
fi
find_one || {
    echo "no Chromium: install Debian's package chromium, or put another one on PATH" >&2
    exit 1
}
