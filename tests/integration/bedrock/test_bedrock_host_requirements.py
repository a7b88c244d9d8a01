"""Hosts that lack what signing in the filter needs, and signing by Envoy's AWS filter."""

import time

import httpx
import pytest

from mocks.world import AUDIENCE
from support.bootstrap import without_body_delivery
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


@pytest.mark.parametrize("model", ["m-v1:0", "m-v1%3A0"])
def test_envoys_aws_filter_can_sign(world, start_gateway, token, model):
    def add_signer(bootstrap):
        listener = bootstrap["static_resources"]["listeners"][0]
        filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        pair = world.aws_credential
        signer = {
            "name": "envoy.filters.http.aws_request_signing",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
                "service_name": "bedrock",
                "region": "us-east-1",
                # The route removes these headers after signing.
                "match_excluded_headers": [{"prefix": "x-ai-gateway-"}],
                "credential_provider": {
                    "inline_credential": {
                        "access_key_id": pair.access_key_id,
                        "secret_access_key": pair.secret_access_key,
                    }
                },
            },
        }
        filters.insert(len(filters) - 1, signer)

    gateway = start_gateway(configuration(world, signing="envoy"), edit_bootstrap=add_signer)
    answer = invoke(gateway, token, model)
    assert answer.status_code == 200, answer.text
    assert token.encode() not in b"".join(value for _, value in world.bedrock.requests[-1].headers)
