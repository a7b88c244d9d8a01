"""AWS credentials that are unavailable or invalid: the error, and the recovery."""

import pytest

from mocks.aws import AwsCredential
from mocks.faults import Fault
from support.bedrock import assert_unavailable, at, bedrock_configuration, role, static
from support.client import wait_until
from support.gateway_config import CONTAINER_TOKEN, ROLE

FAULTS = {
    "an error": Fault(status=500),
    "not found": Fault(status=404),
    "a refusal": Fault(status=401),
    "HTML": Fault(body=b"<html><body>Welcome</body></html>", content_type="text/html"),
    "nothing": Fault(body=b""),
    "no credentials": Fault(body=b"{}"),
    "an empty key": Fault(body=b'{"AccessKeyId": "", "SecretAccessKey": "", "Token": ""}'),
    "a newline": Fault(body=b'{"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "a\\nb: c"}'),
    "an invalid expiration": Fault(body=b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "soon"}'),
    "ended": Fault(body=b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "2020-01-02T03:04:05Z"}'),
    "a number": Fault(body=b'{"AccessKeyId": 1, "SecretAccessKey": 2}'),
    "a truncated response": Fault(truncated=True),
    "silence": Fault(hang=True),
    "a huge response": Fault(size=8 * 1024 * 1024),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_requests_are_refused_without_credentials_and_served_once_there_are_some(start, bedrock, ask, container, fault):
    container.fault["credentials"] = FAULTS[fault]
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_unavailable(ask(gateway))
        assert not bedrock.requests
        container.fault.clear()
        wait_until(lambda: ask(gateway).status == 200)
        assert container.credential.secret_access_key not in gateway.log()
        assert CONTAINER_TOKEN not in gateway.log()


@pytest.mark.parametrize("step", ["token", "role", "credentials"])
@pytest.mark.parametrize("fault", ["an error", "HTML", "nothing"])
def test_faults_of_the_instance_metadata_service(start, bedrock, ask, imds, step, fault):
    imds.fault[step] = FAULTS[fault]
    bedrock.judge.credentials = [imds.credential]
    with start({"imds": {"endpoint": imds.url}}) as gateway:
        assert_unavailable(ask(gateway))
        imds.fault.clear()
        wait_until(lambda: ask(gateway).status == 200)


def test_an_instance_without_a_role(start, ask, imds):
    imds.role = None
    with start({"imds": {"endpoint": imds.url}}) as gateway:
        assert_unavailable(ask(gateway))


def test_an_endpoint_that_is_down(start, bedrock, ask, container):
    bedrock.judge.credentials = [container.credential]
    container.stop()
    with start(at(container)) as gateway:
        assert_unavailable(ask(gateway))
        container.start()
        wait_until(lambda: ask(gateway).status == 200)


@pytest.mark.parametrize("fault", ["an error", "HTML", "nothing", "silence"])
def test_faults_of_sts(start, bedrock, ask, sts, fault):
    caller = AwsCredential.generate(temporary=False)
    sts.judge.credentials = [caller]
    sts.fault["assume_role"] = FAULTS[fault]
    bedrock.judge.credentials = [sts.credential]
    with start(role(sts, {"static": static(caller)})) as gateway:
        assert_unavailable(ask(gateway))
        sts.fault.clear()
        wait_until(lambda: ask(gateway).status == 200)


def test_a_role_that_may_not_be_assumed(start, bedrock, ask, sts):
    caller = AwsCredential.generate(temporary=False)
    sts.judge.credentials = [caller]
    with start(role(sts, {"static": static(caller)}, external_id="another")) as gateway:
        assert_unavailable(ask(gateway))
        assert caller.secret_access_key not in gateway.log()
    assert not bedrock.requests


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"static": {"access_key_id": {"value": "A"}}},
        {"static": {"access_key_id": {"value": ""}, "secret_access_key": {"value": "s"}}},
        {"static": {"access_key_id": {"value": "A\nB"}, "secret_access_key": {"value": "s"}}},
        {"static": {"access_key_id": {"env": "NO_SUCH_VARIABLE"}, "secret_access_key": {"value": "s"}}},
        {"bedrock_api_key": {"value": ""}},
        {"container": {"uri": "no-url"}},
        {"imds": {"endpoint": "ftp://127.0.0.1"}},
        {"assume_role": {"role_arn": ROLE}},
        {"static": {}, "imds": {}},
    ],
    ids=str,
)
def test_invalid_credential_configurations_are_refused_with_their_json_path(world, any_gateway, credentials):
    configuration = bedrock_configuration(world)
    configuration["providers"][0]["credentials"] = credentials
    assert not any_gateway.configure(configuration)
    assert "credentials" in any_gateway.log()


@pytest.mark.parametrize("region", [None, "", "US EAST", "us-east-1/../x", 1], ids=str)
def test_an_invalid_region_is_refused_with_its_json_path(world, any_gateway, region):
    configuration = bedrock_configuration(world)
    configuration["providers"][0]["region"] = region
    assert not any_gateway.configure(configuration)
    assert "region" in any_gateway.log()


@pytest.fixture(scope="module")
def any_gateway(world, start_gateway):
    """A gateway with a valid configuration, for attempts to load invalid ones."""
    with start_gateway(bedrock_configuration(world)) as gateway:
        yield gateway
