#!/bin/bash
# engine.sh COMMAND …: runs a command with a Docker engine of its own, which ends with it and leaves nothing behind but its
# images, in .local/docker: no process, mount, bridge or rule of the firewall. For machines, such as CI's, where none runs.
# Needs root and what tests/compose/setup-engine.sh installs.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v dockerd >/dev/null || {
    echo "dockerd is missing; this installs it: tests/compose/setup-engine.sh" >&2
    exit 1
}

files=$PWD/.local/docker
mkdir -p "$files"
# One engine at a time: a second one would unmount what the first one's containers use.
exec {lock}>"$files/lock"
flock --nonblock "$lock" || {
    echo "another engine uses $files" >&2
    exit 1
}
forwarding=/proc/sys/net/ipv4/ip_forward
had_forwarding=$(cat $forwarding)
had_bridge=$(ip -o link show docker0 2>/dev/null || true)
had_key=$(ls /etc/docker/key.json 2>/dev/null || true)
iptables -t nat -S >/dev/null # or iptables-save may not know of this table
iptables-save >"$files/iptables"
socket=$(mktemp -d)/docker.sock # short: a socket's path has 107 characters at most
export DOCKER_HOST=unix://$socket
setsid dockerd --data-root "$files/data" --exec-root "$files/exec" --pidfile "$files/pid" --host "unix://$socket" \
    >"$files/dockerd.log" 2>&1 &
engine=$!

# Iptables-restore leaves alone the tables that its input does not name, so the ones that the engine created are emptied.
restore_firewall() {
    iptables-save | awk '
        part == 1 { if (/^\*/) existed[$0] = 1; next }
        /^\*/ { skip = $0 in existed }
        skip || /^-/ || /^:.* - / { next }
        /^:/ { $2 = "ACCEPT" }
        { print }
    ' part=1 "$files/iptables" part=2 - | cat "$files/iptables" - | iptables-restore
}

stop() {
    # Left by a command that was killed. The engine removes a network's bridge only on request.
    docker ps --all --quiet 2>/dev/null | xargs -r docker rm --force >/dev/null 2>&1 || true
    docker network prune --force >/dev/null 2>&1 || true
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    # What a container that was killed left mounted.
    awk -v files="$files/" 'index($2, files) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l || true
    restore_firewall || true
    [ -n "$had_bridge" ] || ip link delete docker0 2>/dev/null || true
    echo "$had_forwarding" >$forwarding || true
    [ -n "$had_key" ] || rm -f /etc/docker/key.json
    rm -rf "$(dirname "$socket")" "$files/exec"
}
trap stop EXIT

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
"$@" {lock}>&-
