#!/bin/sh
# Checks the dependencies of every workspace against deny.toml: licences, duplicates, sources, known advisories.
#
# Advisories are in a git repository. If that cannot be reached, everything else is checked, and the last line says that
# advisories were not.
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

for manifest in $(git ls-files '*Cargo.toml'); do
    # A workspace has only some of the dependencies that deny.toml mentions.
    if cargo deny --locked --manifest-path "$manifest" --config deny.toml --log-level error check \
        --allow license-not-encountered --allow license-exception-not-encountered --allow unmatched-skip \
        $checks >"$log" 2>&1; then
        echo "$manifest: $(tail -n 1 "$log")"
    else
        cat "$log" >&2
        echo "$manifest: refused by the rules in deny.toml, see above" >&2
        status=1
    fi
done

[ -z "$unchecked" ] || echo "ADVISORIES WERE NOT CHECKED: $unchecked. Run this with access to the repository." >&2
exit $status
