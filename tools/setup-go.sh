#!/bin/sh
# Builds the programs of tests/go, and prints the folder with them, Go and the AWS SDK for Go.
# Go and the SDK are unpacked from Debian packages into .local/go, without installing them. If they are not available, it
# says so and fails.
set -eu
cd "$(dirname "$0")/.."

release=trixie
go=1.24
packages="golang-$go-go golang-$go-src golang-github-aws-aws-sdk-go-v2-dev golang-github-aws-smithy-go-dev"
folder=$PWD/.local/go
root=$folder/$release

fail() {
    echo "no AWS SDK for Go: $1" >&2
    exit 1
}

if [ ! -e "$root/complete" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "it is fetched with apt-get, which is missing here"
    # If no package lists were fetched yet, the archives are read from the configured sources.
    archive=$(apt-get update --print-uris | grep -o "https\{0,1\}://[^']*/debian/dists/" | head -n 1)
    archive=${archive%dists/}
    [ -n "$archive" ] || fail "apt-get has no Debian archive configured"
    echo "apt-get: fetching Go and the AWS SDK for Go into .local/go" >&2
    rm -rf "$folder"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$root"
    touch "$folder/apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $release main" >"$folder/apt/sources.list"
    cat >"$folder/apt/apt.conf" <<EOF
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/apt/lists";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "$(id -un)";
EOF
    export APT_CONFIG="$folder/apt/apt.conf"
    {
        apt-get update -qq
        # shellcheck disable=SC2086
        (cd "$folder/apt" && apt-get download -qq $packages)
    } >"$folder/apt/log" 2>&1 || fail "see $folder/apt/log"
    for package in "$folder"/apt/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    # Only one of the SDK's 400 services is used.
    services=$root/usr/share/gocode/src/github.com/aws/aws-sdk-go-v2/service
    find "$services" -mindepth 1 -maxdepth 1 ! -name bedrockruntime -exec rm -rf {} +
    rm -rf "$folder/apt"
    touch "$root/complete"
fi

export GOROOT="$root/usr/lib/go-$go" GOPATH="$root/usr/share/gocode" GOCACHE="$root/cache"
export GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0
for source in tests/go/*.go; do
    program=$root/$(basename "$source" .go)
    [ "$program" -nt "$source" ] && continue
    echo "go: building $source" >&2
    "$GOROOT/bin/go" build -o "$program" "$source" >&2 || fail "$source cannot be built"
done
echo "$root"
