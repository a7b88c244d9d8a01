#!/bin/bash
# Runs the tests of docker-compose.yml where a Docker engine runs, or can be started as root on Debian. Elsewhere it says why
# not, and succeeds.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
    echo "compose: skipped, $1"
    exit 0
}

tools/setup-python.sh tests/requirements.txt
docker version >/dev/null 2>&1 && exec tests/compose/test.sh

if ! { command -v dockerd && command -v docker-compose && command -v debootstrap; } >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        skip "no Docker engine runs, and only root on Debian can install one"
    echo "apt-get: installing docker.io, docker-compose and debootstrap"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \
        docker.io docker-compose debootstrap iptables; } >/dev/null 2>&1 || skip "Debian's docker.io cannot be installed"
fi

export STAND_INS=1
tests/compose/engine.sh true 2>/dev/null || skip "no Docker engine can be started here"
tests/compose/engine.sh tests/compose/base-images.sh "${ENVOY_VERSION:-$(cat .envoy-version)}" ||
    skip "the base images cannot be made"
exec tests/compose/engine.sh tests/compose/test.sh
