#!/bin/sh
# Builds the filter into DIR/wasm32-wasip1/release, DIR being the first argument.
#
# The same sources give the same bytes wherever they and cargo's registry lie: the paths of both, which panics name,
# are written as if they lay in /src and /cargo.
set -eu
cd "$(dirname "$0")/.."
home=${CARGO_HOME:-$HOME/.cargo}
remap="[\"--remap-path-prefix=$PWD=/src\", \"--remap-path-prefix=$home=/cargo\"]"
exec cargo build --quiet --release --locked --package ai-gateway-filter --target wasm32-wasip1 --target-dir "$1" \
    --config "target.wasm32-wasip1.rustflags=$remap"
