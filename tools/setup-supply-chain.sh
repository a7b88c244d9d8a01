#!/bin/sh
# Makes sure that cargo-cyclonedx is in .local/cargo/bin.
set -eu
cd "$(dirname "$0")/.."

version=0.5.9
if ! grep -q "\"cargo-cyclonedx $version " .local/cargo/.crates.toml 2>/dev/null; then
    echo "cargo: installing cargo-cyclonedx $version"
    cargo install --quiet --locked --root .local/cargo --target-dir .local/cargo/target "cargo-cyclonedx@$version"
    rm -rf .local/cargo/target
fi
