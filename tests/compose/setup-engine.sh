#!/bin/bash
# Installs what tests/compose/engine.sh needs, from Debian's packages. Exits with 69 (EX_UNAVAILABLE) on a machine that cannot
# run a Docker engine, and prints the reason in one line.
set -euo pipefail
cd "$(dirname "$0")/../.."

log=.local/docker/apt-get.log
policy=/usr/sbin/policy-rc.d

impossible() {
    echo "$1"
    exit 69
}

missing_packages() {
    while read -r program package; do
        command -v "$program" >/dev/null || echo "$package"
    done <<'END'
dockerd docker.io
docker-compose docker-compose
debootstrap debootstrap
iptables iptables
ip iproute2
unshare util-linux
END
}

# The package must not start an engine of its own. Debian's packages ask policy-rc.d whether they may start a service.
install() {
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    apt-get -qq -o Acquire::Retries=3 update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o APT::Keep-Downloaded-Packages=false \
            install --no-install-recommends "$@"
}

# Tries what containers with published ports need, in namespaces that take the links and rules with them.
kernel_can() {
    grep -q cgroup /proc/mounts && unshare --mount --net --pid --ipc --uts --fork sh -c '
        ip link add probe type bridge &&
        ip link add probe0 type veth peer name probe1 &&
        iptables -t nat -A POSTROUTING -m addrtype --dst-type LOCAL -j MASQUERADE &&
        iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ' >/dev/null 2>&1
}

[ "$(id -u)" = 0 ] || impossible "that needs root"
packages=$(missing_packages)
if [ -n "$packages" ]; then
    command -v apt-get >/dev/null || impossible "there is no apt-get to install $(echo $packages)"
    echo "apt-get: installing" $packages >&2
    mkdir -p "$(dirname $log)"
    # shellcheck disable=SC2086
    install $packages >$log 2>&1 || {
        tail -20 $log >&2
        exit 1
    }
fi
kernel_can || impossible "the kernel lacks namespaces, control groups, bridges or the filter's nat table"
