#!/bin/sh
# Installs the named tool, cargo-cyclonedx or cargo-deny, into .local/cargo/bin.
set -eu
cd "$(dirname "$0")/.."

tool=$1
case $tool in
cargo-cyclonedx) version=0.5.9 ;;
cargo-deny) version=0.20.2 ;;
*) echo "usage: $0 cargo-cyclonedx|cargo-deny" >&2 && exit 2 ;;
esac
if ! grep -q "\"$tool $version " .local/cargo/.crates.toml 2>/dev/null; then
    echo "cargo: installing $tool $version"
    cargo install --quiet --locked --root .local/cargo --target-dir .local/cargo/target "$tool@$version"
    rm -rf .local/cargo/target
fi
