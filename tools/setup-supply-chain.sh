#!/bin/sh
# Makes sure that a tool of the supply chain is in .local/cargo/bin: cargo-deny or cargo-cyclonedx.
set -eu
cd "$(dirname "$0")/.."

case $1 in
    cargo-deny) version=0.20.2 ;;
    cargo-cyclonedx) version=0.5.9 ;;
esac
if ! grep -q "\"$1 $version " .local/cargo/.crates.toml 2>/dev/null; then
    echo "cargo: installing $1 $version"
    cargo install --quiet --locked --root .local/cargo --target-dir .local/cargo/target "$1@$version"
    rm -rf .local/cargo/target
fi
