#!/bin/sh
# Builds the last commit in two folders, with cargo's registry in two places, and checks that the modules are equal.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
home=${CARGO_HOME:-$HOME/.cargo}

# The second build uses another CARGO_HOME, with the same registry under another path.
mkdir -p "$work/first" "$work/a/second/place" "$work/home"
for entry in "$home"/*; do
    ln -s "$entry" "$work/home/"
done

git archive HEAD | tar -x -C "$work/first"
git archive HEAD | tar -x -C "$work/a/second/place"
"$work/first/tools/build-wasm.sh" "$work/first/target"
CARGO_HOME="$work/home" "$work/a/second/place/tools/build-wasm.sh" "$work/a/second/place/target"

built=wasm32-wasip1/release/ai_gateway_filter.wasm
first=$(sha256sum <"$work/first/target/$built")
second=$(sha256sum <"$work/a/second/place/target/$built")
if [ "$first" != "$second" ]; then
    echo "two builds of $(git rev-parse --short HEAD) differ: $first, $second" >&2
    exit 1
fi
if grep -aqF -e "$work" -e "$home" "$work/first/target/$built"; then
    echo "the module contains paths of this machine" >&2
    exit 1
fi
echo "ai_gateway_filter.wasm of $(git rev-parse --short HEAD), twice: ${first%% *}"
