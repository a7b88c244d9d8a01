#!/bin/sh
# Runs all fuzz targets, or those given as arguments, for FUZZ_SECONDS (60) each, and prints how many inputs were tried.
#
# It needs no nightly toolchain: the filter has no unsafe code, so a sanitizer would find nothing, and libFuzzer's
# instrumentation works with stable Rust. The seeds in fuzz/corpus are only read. New inputs go to .local/fuzz, and an
# input that fails to fuzz/artifacts/<target>.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.local/cargo/bin:$PATH"
seconds=${FUZZ_SECONDS:-60}
log=.local/fuzz/log
mkdir -p "${log%/*}"

# shellcheck disable=SC2046 # one argument for each name
[ $# -gt 0 ] || set -- $(cargo fuzz list)
if ! cargo fuzz build --sanitizer none >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi

for target; do
    mkdir -p ".local/fuzz/$target" "fuzz/artifacts/$target"
    if ! cargo fuzz run --sanitizer none "$target" ".local/fuzz/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=10 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "$target: an input failed, see fuzz/artifacts/$target" >&2
        exit 1
    fi
    awk -v target="$target" -v seconds="$seconds" \
        '/number_of_executed_units/ { printf "%s: %s s, %s inputs, no fault\n", target, seconds, $2 }' "$log"
done
