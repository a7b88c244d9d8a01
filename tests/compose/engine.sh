#!/bin/bash
# engine.sh COMMAND …: runs a command with a Docker engine of its own, which ends with it and leaves nothing behind but its
# images, in .local/docker: no process, mount, bridge or rule of the firewall. For machines, such as CI's, where none runs.
# Needs root and Debian's docker.io.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v dockerd >/dev/null || {
    echo "dockerd is missing: apt-get install --no-install-recommends docker.io docker-compose debootstrap iptables" >&2
    exit 1
}

files=$PWD/.local/docker
socket=$(mktemp -d)/docker.sock # short: a socket's path has 107 characters at most
mkdir -p "$files"
had_bridge=$(ip -o link show docker0 2>/dev/null || true)
iptables -t nat -S >/dev/null && iptables-save >"$files/iptables" # what the engine will change
setsid dockerd --data-root "$files/data" --exec-root "$files/exec" --pidfile "$files/pid" --host "unix://$socket" \
    >"$files/dockerd.log" 2>&1 &
engine=$!

stop() {
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    # What a container that was killed left mounted.
    awk -v files="$files/" 'index($2, files) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l || true
    iptables-restore <"$files/iptables" || true
    [ -n "$had_bridge" ] || ip link delete docker0 2>/dev/null || true
    rm -rf "$(dirname "$socket")" "$files/exec"
}
trap stop EXIT

export DOCKER_HOST=unix://$socket
for _ in $(seq 150); do
    docker version >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
done
docker version >/dev/null 2>&1 || {
    echo "the Docker engine does not start; the end of its log:" >&2
    tail -20 "$files/dockerd.log" >&2
    exit 1
}
"$@"
