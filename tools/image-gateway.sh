#!/bin/sh
# Builds the image ai-gateway from envoy/image/gateway.Dockerfile. ENVOY_VERSION chooses the Envoy.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
command -v docker >/dev/null || {
    echo "docker is missing, see https://docs.docker.com/engine/install/" >&2
    exit 1
}
docker buildx version >/dev/null 2>&1 || DOCKER_BUILDKIT=0
[ -z "${DOCKER_BUILDKIT:-}" ] || export DOCKER_BUILDKIT
docker build --quiet --file envoy/image/gateway.Dockerfile --tag "ai-gateway:$version" --tag ai-gateway \
    --build-arg "ENVOY_VERSION=${ENVOY_VERSION:-$(cat .envoy-version)}" --build-arg "VERSION=$version" . >/dev/null
echo "docker: built the image ai-gateway:$version"
