#!/bin/sh
# Checks that the benchmark's tools are installed, and builds what it runs.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "$1" >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || fail "The benchmark reads /proc: it runs on Linux only."
for tool in valgrind callgrind_control; do
    command -v $tool >/dev/null ||
        fail "$tool is missing, by which instructions are counted. On Debian or Ubuntu: sudo apt-get install valgrind"
done

tools/setup-rust.sh
tools/setup-python.sh tools/requirements.txt
echo "cargo: building the load generator and the filters to compare with"
cargo build --quiet --release --package load
cargo build --quiet --release --target wasm32-wasip1 --package same-calls
cargo build --quiet --release --target wasm32-wasip1 --manifest-path bench/floor/Cargo.toml --target-dir target
