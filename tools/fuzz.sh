#!/bin/sh
# Runs each fuzz target, or those named, for FUZZ_SECONDS (60); one line for each with how many inputs were tried.
#
# It needs no nightly toolchain: the filter has no unsafe code, so that a sanitizer would find nothing here, and the
# instrumentation itself works with stable Rust. What is found new goes into .local/fuzz; the corpus in fuzz/corpus is
# only read. An input that fails is left in fuzz/artifacts/<target>.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.local/cargo/bin:$PATH"
seconds=${FUZZ_SECONDS:-60}
log=.local/fuzz/log
mkdir -p "${log%/*}"

# shellcheck disable=SC2046 # a name for each argument
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
        echo "$target: an input fails; it is in fuzz/artifacts/$target" >&2
        exit 1
    fi
    awk -v target="$target" -v seconds="$seconds" \
        '/number_of_executed_units/ { printf "%s: %s s, %s inputs, no fault\n", target, seconds, $2 }' "$log"
done
