#!/bin/bash
# Brings up docker-compose.yml, runs the integration tests against it, and takes it down. Needs a Docker engine (tests/
# compose/engine.sh starts one), Compose 2 or docker-compose 1.27 or newer; ENVOY_VERSION chooses the Envoy. Whatever is
# missing is a failure here; `make test` leaves these tests out where no engine answers, and says so.
# These are the files whose tests share a gateway; those among them that start one of their own are skipped. The rest needs
# its own gateway, or its mocks at hand: `make integration` runs all.
set -euo pipefail
cd "$(dirname "$0")/../.."

ENVOY_VERSION=${ENVOY_VERSION:-$(cat .envoy-version)}
export ENVOY_VERSION
export COMPOSE_PROJECT_NAME=ai-gateway-test
files=$PWD/.local/compose
python=.local/venv/bin/python
shared="authentication/test_invalid_tokens authentication/test_unauthenticated_clients clients/test_sdk_endpoints deployment/test_compose
    docs/test_guide_snippets docs/test_guide_statements providers/test_credential_isolation providers/test_malformed_requests
    providers/test_upstream_errors providers/test_upstream_paths streaming/test_streaming"

missing=$(tests/compose/missing.sh) || {
    echo "The compose tests cannot run: $missing" >&2
    exit 1
}
if docker compose version >/dev/null 2>&1; then
    compose() { docker compose "$@"; }
else
    compose() { docker-compose "$@"; }
fi
DOCKER_BUILDKIT=0
if docker buildx version >/dev/null 2>&1; then DOCKER_BUILDKIT=1; fi
export DOCKER_BUILDKIT COMPOSE_DOCKER_CLI_BUILD=$DOCKER_BUILDKIT

tests/compose/base-images.sh "$ENVOY_VERSION"

mkdir -p "$files"
"$python" - "$files" <<'END'
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tools.gateway import free_port

files = Path(sys.argv[1])
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
(files / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
names = "GATEWAY GATEWAY_ADMIN IDENTITY_PROVIDER OPENAI ANTHROPIC GOOGLE VLLM BEDROCK"
(files / "ports").write_text("".join(f"export {name}_PORT={free_port()}\n" for name in names.split()))
END
# shellcheck source=/dev/null
. "$files/ports"
MOCK_SIGNING_KEY=$(cat "$files/key.pem")
export MOCK_SIGNING_KEY

status=1
finish() {
    [ "$status" = 0 ] || compose logs --no-color --tail 60 >&2 || true
    compose down --volumes --timeout 3 >"$files/down.log" 2>&1 || cat "$files/down.log" >&2
    rm -f "$files/key.pem"
}
trap finish EXIT

echo "docker: building and starting docker-compose.yml with Envoy $ENVOY_VERSION"
compose up --build --detach >"$files/up.log" 2>&1 || {
    cat "$files/up.log" >&2
    exit
}

# docker-compose 1 has no --wait.
gateway=$(compose ps -q gateway)
for _ in $(seq 60); do
    health=$(docker inspect --format '{{.State.Health.Status}}' "$gateway")
    [ "$health" = starting ] || break
    sleep 1
done
[ "$health" = healthy ] || {
    echo "the gateway is $health" >&2
    exit
}

cat >"$files/gateway.json" <<END
{
  "gateway_url": "http://127.0.0.1:$GATEWAY_PORT",
  "admin_url": "http://127.0.0.1:$GATEWAY_ADMIN_PORT",
  "network": "${COMPOSE_PROJECT_NAME}_default",
  "log_command": ["docker", "logs", "$gateway"],
  "signing_key": "$files/key.pem",
  "ports": {
    "identity_provider": $IDENTITY_PROVIDER_PORT, "openai": $OPENAI_PORT, "anthropic": $ANTHROPIC_PORT,
    "google": $GOOGLE_PORT, "compatible": $VLLM_PORT, "bedrock": $BEDROCK_PORT
  }
}
END
tests=()
for name in $shared; do
    tests+=("tests/integration/$name.py")
done
# How soon a chunk passes is measured without containers in between.
tests+=(--deselect integration/streaming/test_streaming.py::test_each_chunk_arrives_without_delay)
status=0
EXTERNAL_GATEWAY=$files/gateway.json "$python" -m pytest -q "${tests[@]}" "$@" || status=$?
exit "$status"
