#!/bin/bash
# missing.sh: what the compose tests lack on this machine, and what to do; nothing, and success, where they can run.
# Starts nothing.

if ! timeout 20 docker info >/dev/null 2>&1; then
    echo "no Docker engine answers; start one and run \`make compose-test\`, or as root, on Debian," \
        "\`CI=true make containers\`"
elif ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; then
    echo "neither docker compose nor docker-compose is installed; install one and run \`make compose-test\`"
else
    exit 0
fi
exit 1
