#!/bin/sh
# Writes dist/ai-gateway-filter.cdx.json, a CycloneDX bill of materials of the module.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.local/cargo/bin:$PATH"
mkdir -p dist
cargo cyclonedx --quiet --manifest-path src/filter/Cargo.toml --format json --target wasm32-wasip1 --no-build-deps --override-filename ai-gateway-filter.cdx
mv src/filter/ai-gateway-filter.cdx.json dist/
echo "dist/ai-gateway-filter.cdx.json: $(grep -c '"purl"' dist/ai-gateway-filter.cdx.json) components"
