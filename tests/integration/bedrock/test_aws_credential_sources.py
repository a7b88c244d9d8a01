"""Sources of the gateway's AWS credentials, and how they are refreshed.

The mock of Bedrock accepts only the credentials that a test expects, and verifies the signature.
"""

import concurrent.futures
import time

import pytest

from mocks.aws import AwsCredential
from mocks.faults import Fault
from support.bedrock import NAME, assert_unavailable, assert_used, at, bedrock_configuration, only, role, static
from support.client import wait_until
from support.gateway_config import CONTAINER_TOKEN, EXTERNAL_ID, ROLE
from support.usage import samples

SHORT_LIFE_S = 6
LIFE_S = 3600
EXPIRY = "ai_gateway_credential_expires_in_seconds"


@pytest.mark.parametrize("temporary", [False, True])
def test_static_credentials(start, bedrock, ask, temporary):
    credential = AwsCredential.generate(temporary=temporary)
    bedrock.judge.credentials = [credential]
    with start({"static": static(credential)}) as gateway:
        assert_used(bedrock, credential, ask(gateway))


def test_static_credentials_from_environment_variables(start, bedrock, ask):
    credential = AwsCredential.generate()
    bedrock.judge.credentials = [credential]
    variables = {
        "BEDROCK_ID": credential.access_key_id,
        "BEDROCK_SECRET": credential.secret_access_key,
        "BEDROCK_TOKEN": credential.session_token,
    }
    members = zip(["access_key_id", "secret_access_key", "session_token"], variables, strict=True)
    with start({"static": {member: {"env": name} for member, name in members}}, environment=variables) as gateway:
        assert_used(bedrock, credential, ask(gateway))


def test_a_bedrock_api_key_is_sent_and_nothing_is_signed(start, bedrock, ask, token):
    with start({"bedrock_api_key": {"value": bedrock.api_key}}) as gateway:
        assert ask(gateway).status == 200
    request = only(bedrock.requests)
    assert request.values("authorization") == [f"Bearer {bedrock.api_key}".encode()]
    assert not [name for name, _ in request.headers if name.lower().startswith(b"x-amz-")]
    assert not [value for _, value in request.headers if token.encode() in value]


def test_a_containers_credentials(start, bedrock, ask, container):
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        assert ask(gateway).status == 200
    assert container.hits["credentials"] == 1


def test_a_containers_endpoint_from_environment_variables(start, bedrock, ask, container):
    bedrock.judge.credentials = [container.credential]
    variables = {"MY_CONTAINER_URI": container.uri, "MY_CONTAINER_TOKEN": CONTAINER_TOKEN}
    named = {"uri": {"env": "MY_CONTAINER_URI"}, "authorization_token": {"env": "MY_CONTAINER_TOKEN"}}
    with start({"container": named}, environment=variables) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))


def test_an_instances_credentials(start, bedrock, ask, imds):
    bedrock.judge.credentials = [imds.credential]
    with start({"imds": {"endpoint": imds.url}}) as gateway:
        assert_used(bedrock, imds.credential, ask(gateway))
    assert imds.hits == {"token": 1, "role": 1, "credentials": 1}


def test_credentials_without_an_expiration(start, bedrock, ask, container):
    container.lifetime_s = None
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))


def test_a_role_assumed_with_static_credentials(start, bedrock, ask, sts):
    caller = AwsCredential.generate(temporary=False)
    sts.judge.credentials = [caller]
    bedrock.judge.credentials = [sts.credential]
    credentials = role(sts, {"static": static(caller)}, session_name="billing@example.com", duration="2h")
    with start(credentials) as gateway:
        assert_used(bedrock, sts.credential, ask(gateway))
        assert ask(gateway).status == 200
    assert only(sts.requested) == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "billing@example.com",
        "ExternalId": EXTERNAL_ID,
        "DurationSeconds": "7200",
    }


def test_a_role_assumed_with_an_instances_credentials(start, bedrock, ask, sts, imds):
    sts.judge.credentials = [imds.credential]
    bedrock.judge.credentials = [sts.credential]
    with start(role(sts, {"imds": {"endpoint": imds.url}})) as gateway:
        assert_used(bedrock, sts.credential, ask(gateway))


def test_a_role_assumed_with_a_containers_credentials(start, bedrock, ask, sts, container):
    sts.judge.credentials = [container.credential]
    bedrock.judge.credentials = [sts.credential]
    with start(role(sts, at(container))) as gateway:
        assert_used(bedrock, sts.credential, ask(gateway))


def test_the_default_chain_begins_with_the_environment(start, bedrock, ask, imds, container):
    credential = AwsCredential.generate()
    bedrock.judge.credentials = [credential]
    variables = {
        "AWS_ACCESS_KEY_ID": credential.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credential.secret_access_key,
        "AWS_SESSION_TOKEN": credential.session_token,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.uri,
    }
    with start({"default_chain": {"imds_endpoint": imds.url}}, environment=variables) as gateway:
        assert_used(bedrock, credential, ask(gateway))
    assert not imds.hits + container.hits


def test_the_default_chain_goes_on_with_the_container(start, bedrock, ask, imds, container):
    bedrock.judge.credentials = [container.credential]
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": container.uri,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN,
    }
    with start({"default_chain": {"imds_endpoint": imds.url}}, environment=variables) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
    assert not imds.hits


@pytest.mark.parametrize("has_container", [False, True])
def test_the_default_chain_ends_with_the_instance(start, bedrock, ask, imds, container, has_container):
    bedrock.judge.credentials = [imds.credential]
    container.stop()
    variables = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.uri} if has_container else {}
    with start({"default_chain": {"imds_endpoint": imds.url}}, environment=variables) as gateway:
        assert_used(bedrock, imds.credential, ask(gateway))


def test_one_fetch_serves_all_workers(start, bedrock, ask, container):
    container.fault["credentials"] = Fault(delay_s=0.5)
    bedrock.judge.credentials = [container.credential]
    with start(at(container), concurrency=4) as gateway, concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(gateway).status, range(40)))
    assert answers == [200] * 40
    assert container.hits["credentials"] == 1


def test_credentials_are_refreshed_before_they_expire(start, bedrock, ask, container):
    first = container.credential
    container.lifetime_s = SHORT_LIFE_S
    bedrock.judge.credentials = [first]
    with start(at(container)) as gateway:
        assert_used(bedrock, first, ask(gateway))
        second = container.rotate()
        bedrock.judge.credentials = [first, second]
        container.lifetime_s = 3600
        end = time.monotonic() + SHORT_LIFE_S + 1
        while time.monotonic() < end:
            answer = ask(gateway)
            assert answer.status == 200, answer.body
            time.sleep(0.1)
        assert_used(bedrock, second, ask(gateway))
    assert container.hits["credentials"] == 2


def test_credentials_are_used_until_they_expire_if_a_refresh_fails(start, bedrock, ask, container):
    container.lifetime_s = 10
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        container.fault["credentials"] = Fault(status=500)
        wait_until(lambda: container.hits["credentials"] > 1)
        assert_used(bedrock, container.credential, ask(gateway))
        wait_until(lambda: ask(gateway).status == 503)
        assert_unavailable(ask(gateway))
        container.fault.clear()
        wait_until(lambda: ask(gateway).status == 200)


def test_a_gauge_has_the_remaining_lifetime_of_the_credentials(start, bedrock, ask, container):
    container.lifetime_s = LIFE_S
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        first = expiry(gateway)
        assert LIFE_S - 30 < first <= LIFE_S
        wait_until(lambda: expiry(gateway) < first)


def test_the_gauge_is_0_once_credentials_have_expired(start, bedrock, ask, container):
    container.lifetime_s = SHORT_LIFE_S
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        container.fault["credentials"] = Fault(status=500)
        assert 0 < expiry(gateway) <= SHORT_LIFE_S
        wait_until(lambda: expiry(gateway) == 0)
        wait_until(lambda: ask(gateway).status == 503)
        assert expiry(gateway) == 0


def test_credentials_that_do_not_expire_have_no_gauge(start, bedrock, ask, container):
    container.lifetime_s = None
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        wait_until(lambda: samples(gateway, "ai_gateway_credential_fetches"))
        assert samples(gateway, EXPIRY) == []


def expiry(gateway):
    """The value of the gauge for the only provider."""
    wait_until(lambda: samples(gateway, EXPIRY))
    sample = only(samples(gateway, EXPIRY))
    assert sample.labels["provider"] == NAME
    return sample.value


def test_static_credentials_are_replaced_while_requests_run(world, start, bedrock, ask):
    old, new = AwsCredential.generate(temporary=False), AwsCredential.generate(temporary=False)
    bedrock.judge.credentials = [old, new]
    with start({"static": static(old)}) as gateway, concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert_used(bedrock, old, ask(gateway))
        answers = [pool.submit(ask, gateway) for _ in range(200)]
        assert gateway.configure(bedrock_configuration(world, {"static": static(new)}))
        assert {answer.result().status for answer in answers} == {200}
        bedrock.judge.credentials = [new]
        assert_used(bedrock, new, ask(gateway))
