"""`make run`: the gateway on localhost with a mock identity provider and mock LLM providers.

If the environment has a provider's API key, the real provider is used instead of the mock. Ctrl-C stops everything.
"""

import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time

from mocks.world import CLIENT_ID, CLIENT_SECRET, World
from tools.gateway import PROJECT, Gateway, GatewayError, free_port

PORT = 10000
ADMIN_PORT = 9901
TOKEN_LIFETIME_S = 8 * 3600
MESSAGE = "Hello from AI Gateway"


def main():
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(0))
    envoy = os.environ.get("ENVOY", "")
    if not shutil.which(envoy):
        raise GatewayError(f"ENVOY={envoy} names no program; unset it, and `make run` fetches an Envoy")
    port = free_port(PORT)
    local = PROJECT / ".local"
    # Envoy watches its files, so a second gateway must not overwrite those of the first.
    own = contextlib.nullcontext(local / "run") if port == PORT else tempfile.TemporaryDirectory("", "run-", local)
    with (
        own as directory,
        World() as world,
        Gateway(directory, envoy, port=port, admin_port=free_port(ADMIN_PORT)) as gateway,
    ):
        world.identity_provider.token_lifetime_s = TOKEN_LIFETIME_S
        providers, notes = configure_providers(world)
        gateway.start(
            {
                "authentication": {
                    "issuers": [{"issuer": world.identity_provider.issuer, "audiences": ["ai-gateway"]}]
                },
                "providers": providers,
            }
        )
        print(introduction(gateway, world, notes), flush=True)
        while gateway.running():
            time.sleep(0.2)
        raise GatewayError(f"Envoy ended\n{gateway.log()}")


def configure_providers(world):
    """The filter's providers, and a note for each one about where its requests go."""
    kinds = [
        ("my-openai", "openai", "OPENAI_API_KEY", world.openai),
        ("my-anthropic", "anthropic", "ANTHROPIC_API_KEY", world.anthropic),
        ("my-google", "google", "GOOGLE_AI_API_KEY", world.google),
        ("my-bedrock", "bedrock", None, world.bedrock),
        ("my-vllm", "openai_compatible", None, world.compatible),
    ]
    providers, notes = [], {}
    for name, kind, variable, mock in kinds:
        provider = {"name": name, "type": kind}
        if variable and os.environ.get(variable):
            provider |= {"api_key": {"env": variable}}
            notes[name] = f"the real service, with {variable}"
        else:
            provider |= {"base_url": mock.base_url} | credential(kind, mock, world)
            notes[name] = f"a mock, set {variable} to use the real service" if variable else "a mock"
        providers.append(provider)
    return providers, notes


def credential(kind, mock, world):
    if kind != "bedrock":
        return {"api_key": {"value": mock.api_key}}
    pair = world.aws_credential
    keys = {
        "access_key_id": {"value": pair.access_key_id},
        "secret_access_key": {"value": pair.secret_access_key},
    }
    return {"region": mock.judge.region, "credentials": {"static": keys}}


def introduction(gateway, world, notes):
    proxy_url = f"{gateway.url}/llm/v1/providers"
    token = world.identity_provider.mint()
    width = max(map(len, notes))
    urls = "\n".join(f"  {proxy_url}/{name:{width}}  {note}" for name, note in notes.items())
    taken = "" if gateway.port == PORT else f" (port {PORT} is in use)"
    return f"""
The gateway runs at {gateway.url}{taken}, Envoy's admin page at {gateway.admin_url}.

Proxy URLs
{urls}

Send a request with curl (the token is valid for {TOKEN_LIFETIME_S // 3600} hours)

curl {proxy_url}/my-openai/v1/chat/completions -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer {token}' \\
  -d '{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "{MESSAGE}"}}]}}'

Send a request with the OpenAI SDK

{shlex.quote(sys.executable)} - <<'EOF'
from openai import OpenAI

client = OpenAI(
    base_url="{proxy_url}/my-openai",
    api_key="{token}",
)
response = client.chat.completions.create(
    model="gpt-4o",
    messages=[{{"role": "user", "content": "{MESSAGE}"}}],
)
print(response.choices[0].message.content)
EOF

Get a new token

curl -s {world.identity_provider.url}/oauth/token -d grant_type=client_credentials \\
  -d client_id={CLIENT_ID} -d client_secret={CLIENT_SECRET}

Configuration  {gateway.filter_file}
               to change it, write a new file and rename it to this one
Log            {gateway.log_file}

Ctrl-C stops everything.
"""


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except (GatewayError, OSError) as error:
        sys.exit(str(error))
