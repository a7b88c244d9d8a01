"""Hosts that lack what signing in the filter needs, and signing by Envoy's AWS filter."""

import json
import time

import httpx
import pytest

from mocks.world import AUDIENCE
from support.bootstrap import without_body_delivery
from support.client import wait_until
from support.gateway_config import PREFIX

BODY = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}


def configuration(world, **provider):
    return {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [
            {"name": "my-bedrock", "type": "bedrock", "region": "us-east-1", "base_url": world.bedrock.base_url}
            | provider
        ],
    }


def static(world):
    pair = world.aws_credential
    return {
        "static": {
            "access_key_id": {"value": pair.access_key_id},
            "secret_access_key": {"value": pair.secret_access_key},
        }
    }


def invoke(gateway, token, model="m-v1:0"):
    url = f"{gateway.url}{PREFIX}/my-bedrock/model/{model}/invoke"
    return httpx.post(url, json=BODY, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_a_host_that_does_not_deliver_bodies_gets_a_500_within_five_seconds(world, start_gateway, token):
    gateway = start_gateway(configuration(world, credentials=static(world)), edit_plugin=without_body_delivery)
    started = time.monotonic()
    answer = invoke(gateway, token)
    assert time.monotonic() - started < 5.5  # 5 s plus the delay of a busy machine
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "body_withheld"
    assert "allow_on_headers_stop_iteration" in answer.json()["message"]
    assert world.bedrock.requests == []
    assert gateway.stats("wasmcustom.code=.=body_withheld;.;ai_gateway_refusals")

    url = f"{gateway.url}{PREFIX}/my-bedrock/async-invoke"
    assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_bedrock_api_key_needs_no_host_options(world, start_gateway, token):
    credentials = {"bedrock_api_key": {"value": world.bedrock.api_key}}
    gateway = start_gateway(configuration(world, credentials=credentials), edit_plugin=without_body_delivery)
    assert invoke(gateway, token).status_code == 200


def with_signer(**options):
    """Adds Envoy's signing filter to a bootstrap."""

    def add_signer(bootstrap):
        listener = bootstrap["static_resources"]["listeners"][0]
        filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        signer = {
            "name": "envoy.filters.http.aws_request_signing",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
                "service_name": "bedrock",
                "region": "us-east-1",
                # The route removes these headers after signing.
                "match_excluded_headers": [{"prefix": "x-ai-gateway-"}],
                **options,
            },
        }
        filters.insert(len(filters) - 1, signer)

    return add_signer


@pytest.mark.parametrize("model", ["m-v1:0", "m-v1%3A0"])
def test_envoys_aws_filter_can_sign(world, start_gateway, token, model):
    pair = world.aws_credential
    inline = {"access_key_id": pair.access_key_id, "secret_access_key": pair.secret_access_key}
    signer = with_signer(credential_provider={"inline_credential": inline})
    gateway = start_gateway(configuration(world, signing="envoy"), edit_bootstrap=signer)
    answer = invoke(gateway, token, model)
    assert answer.status_code == 200, answer.text
    assert token.encode() not in b"".join(value for _, value in world.bedrock.requests[-1].headers)


@pytest.fixture
def pod_identity(container, tmp_path):
    """A mock of the agent of EKS Pod Identity, and the variables that EKS sets in a pod."""
    token_file = tmp_path / "eks-pod-identity-token"
    token_file.write_text("the token in the file")
    container.authorization_token = token_file.read_text()
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.uri,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
    }
    return container, variables


@pytest.mark.parametrize("credentials", [{"container": {}}, {"default_chain": {}}])
def test_pod_identity_is_reported_with_its_provider_when_the_configuration_is_loaded(
    world, start_gateway, pod_identity, command, tmp_path, credentials
):
    _, variables = pod_identity
    document = configuration(world, credentials=credentials)
    gateway = start_gateway(document, environment=variables)
    assert "provider my-bedrock: EKS Pod Identity keeps its token in a file" in gateway.log()
    wait_until(lambda: "cannot fetch the AWS credentials of provider my-bedrock: " in gateway.log())
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    done = command("check", file, "--online", check=1, **variables)
    assert "error: /providers/0/credentials: EKS Pod Identity" in done.stdout


def test_envoys_aws_filter_signs_with_pod_identity(world, start_gateway, token, bedrock, pod_identity):
    container, variables = pod_identity
    bedrock.judge.credentials = [container.credential]
    gateway = start_gateway(configuration(world, signing="envoy"), edit_bootstrap=with_signer(), environment=variables)
    wait_until(lambda: invoke(gateway, token).status_code == 200)
    assert "EKS Pod Identity" not in gateway.log()
