#!/bin/sh
# Builds the filter into DIR/wasm32-wasip1/release, where DIR is the first argument.
#
# The build is reproducible: source paths, which panic messages contain, are replaced by /src and /cargo, so the same sources
# give the same bytes wherever they and cargo's registry are.
set -eu
cd "$(dirname "$0")/.."
home=${CARGO_HOME:-$HOME/.cargo}
remap="[\"--remap-path-prefix=$PWD=/src\", \"--remap-path-prefix=$home=/cargo\"]"
exec cargo build --quiet --release --locked --package ai-gateway-filter --target wasm32-wasip1 --target-dir "$1" \
    --config "target.wasm32-wasip1.rustflags=$remap"
