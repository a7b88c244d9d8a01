#!/bin/sh
# Holds the dependencies of every workspace here to deny.toml: licences, duplicates, sources, known advisories.
#
# Advisories are in a git repository. Where that cannot be reached the rest is checked all the same, and the last line
# says that they were not.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.local/cargo/bin:$PATH"
log=.local/deny.log
status=0

checks="bans licenses sources"
if cargo deny --log-level error fetch db >"$log" 2>&1; then
    checks="$checks advisories"
    unchecked=
else
    unchecked=$(grep -o 'failed to fetch advisory database [^ ]*' "$log" || cat "$log")
fi

for manifest in Cargo.toml fuzz/Cargo.toml bench/floor/Cargo.toml tests/sigv4-verifier/Cargo.toml; do
    # A workspace has only some of the dependencies that deny.toml speaks of.
    if cargo deny --locked --manifest-path "$manifest" --workspace --config deny.toml --log-level error check \
        --allow license-not-encountered --allow license-exception-not-encountered --allow unmatched-skip \
        $checks >"$log" 2>&1; then
        echo "$manifest: $(tail -n 1 "$log")"
    else
        cat "$log" >&2
        echo "$manifest: refused, see above; deny.toml has the rules" >&2
        status=1
    fi
done

[ -z "$unchecked" ] || echo "ADVISORIES WERE NOT CHECKED: $unchecked; run this where it can be reached" >&2
exit $status
