#!/bin/sh
# Installs cargo-fuzz into .local/cargo/bin.
set -eu
cd "$(dirname "$0")/.."

version=0.13.2
if [ "$(.local/cargo/bin/cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
    echo "cargo: installing cargo-fuzz $version"
    cargo install --quiet --locked --root .local/cargo --target-dir .local/cargo/target "cargo-fuzz@$version"
    rm -rf .local/cargo/target
fi
