#!/bin/sh
# Installs what cargo needs to build, check and format for the native target and wasm32-wasip1.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

command -v cargo >/dev/null || fail "cargo is missing: install Rust with rustup, https://rustup.rs"

sysroot=$(rustc --print sysroot)
if [ ! -d "$sysroot/lib/rustlib/wasm32-wasip1/lib" ]; then
    command -v rustup >/dev/null ||
        fail "This Rust has no standard library for wasm32-wasip1, and rustup, which could add it, is missing: https://rustup.rs"
    echo "rustup: adding the target wasm32-wasip1"
    rustup --quiet target add wasm32-wasip1
fi

for tool in clippy fmt; do
    cargo "$tool" --version >/dev/null 2>&1 && continue
    component=$(echo "$tool" | sed 's/^fmt$/rustfmt/')
    command -v rustup >/dev/null || fail "cargo $tool is missing: install Rust with rustup, https://rustup.rs"
    echo "rustup: adding the component $component"
    rustup --quiet component add "$component"
done
