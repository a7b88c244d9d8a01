#!/bin/sh
# setup-python.sh REQUIREMENTS installs the packages of a requirements file into the virtual environment .local/venv.
# It does nothing if they are already installed.
set -eu
cd "$(dirname "$0")/.."

requirements=$1
venv=.local/venv
python=$venv/bin/python
stamp=$venv/$(cat mocks/requirements.txt tools/requirements.txt "$requirements" | cksum | cut -d ' ' -f 1).installed

[ -e "$stamp" ] && "$python" -c '' 2>/dev/null && exit

fail() {
    echo "$1" >&2
    exit 1
}

# Debian and Ubuntu ship Python's venv without pip, which is in python3-venv. Their pip wheel can be unpacked instead.
pip_from_debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "pip: taking it from Debian's package python3-pip-whl"
    rm -rf .local/pip
    mkdir -p .local/pip
    (cd .local/pip && apt-get -qq download python3-pip-whl 2>/dev/null && dpkg-deb -x ./*.deb .) || return 1
    PYTHONPATH=$(echo .local/pip/usr/share/python-wheels/pip-*.whl) "$python" -m pip install --quiet pip
}

command -v python3 >/dev/null || fail "python3 is missing: install Python 3.11 or newer"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$(python3 --version) is too old: Python 3.11 or newer is needed"

if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "python3: creating $venv"
    rm -rf "$venv"
    if python3 -c 'import ensurepip; ensurepip.version()' 2>/dev/null; then
        python3 -m venv "$venv"
    else
        python3 -m venv --without-pip "$venv"
        pip_from_debian || fail "This python3 comes without pip. On Debian or Ubuntu: sudo apt-get install python3-venv"
    fi
fi

echo "pip: installing the packages of $requirements into $venv"
"$python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
touch "$stamp"
