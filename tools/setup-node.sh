#!/bin/sh
# Installs the packages of tests/node into tests/node/node_modules. Does nothing when they are already there.
set -eu
cd "$(dirname "$0")/../tests/node"

stamp=node_modules/$(cat package.json package-lock.json | cksum | cut -d ' ' -f 1).installed

fail() {
    echo "$1" >&2
    exit 1
}

command -v node >/dev/null || fail "node is missing: install Node.js 20 or newer, https://nodejs.org"
node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' ||
    fail "Node.js $(node --version) is too old: 20 or newer is needed"

[ -e "$stamp" ] && exit

command -v npm >/dev/null || fail "npm is missing: it comes with Node.js, on Debian and Ubuntu in the package npm"
echo "npm: installing the packages of tests/node"
npm ci --loglevel error --no-audit --no-fund --no-update-notifier --ignore-scripts >/dev/null
touch "$stamp"
