"""Where the gateway has its AWS credentials from, how it keeps them fresh, and what it says when it has none.

The mock of Bedrock takes only the credentials that a test means to be used, and checks the signature made with them.
"""

import concurrent.futures
import time

import pytest

from bedrock_support import (
    CONVERSE,
    MODEL,
    assert_signed_by_the_gateway,
    bearer,
    bedrock_configuration,
    no_aws_environment,
    only,
    static,
    target,
)
from mocks.aws import AwsCredential, ContainerCredentials, InstanceMetadata, Role, SecurityTokenService
from mocks.faults import Fault
from support import exchange, wait_until

CONTAINER_TOKEN = "mock-container-authorization-token"
ROLE = "arn:aws:iam::123456789012:role/mock-bedrock-role"
EXTERNAL_ID = "external id/+&="
SHORT_LIFE_S = 6


@pytest.fixture(scope="module", autouse=True)
def environment():
    with no_aws_environment():
        yield


@pytest.fixture(autouse=True)
def bedrock(world):
    """The mock; at first it knows no credential."""
    before = world.bedrock.judge.credentials
    world.bedrock.judge.credentials = []
    world.bedrock.requests.clear()
    yield world.bedrock
    world.bedrock.judge.credentials = before


@pytest.fixture
def container():
    with ContainerCredentials(authorization_token=CONTAINER_TOKEN) as endpoint:
        yield endpoint


@pytest.fixture
def imds():
    with InstanceMetadata() as endpoint:
        yield endpoint


@pytest.fixture
def sts(world):
    """It knows no caller yet."""
    roles = {ROLE: Role(EXTERNAL_ID, max_duration_s=7200)}
    with SecurityTokenService([], roles=roles, verifier=world.sigv4_verifier) as endpoint:
        yield endpoint


@pytest.fixture
def start(world, start_gateway):
    """Starts a gateway whose provider has these credentials."""
    return lambda credentials, **options: start_gateway(bedrock_configuration(world, credentials), **options)


@pytest.fixture
def ask(token):
    """A request of a client."""
    return lambda gateway: exchange(gateway, "POST", target(f"/model/{MODEL}/converse"), [bearer(token)], CONVERSE)


def at(container):
    """The configuration that names the endpoint."""
    return {"container": {"uri": container.uri, "authorization_token": {"value": CONTAINER_TOKEN}}}


def role(sts, source, **members):
    """The configuration that assumes the role."""
    asked = {"role_arn": ROLE, "external_id": EXTERNAL_ID, "endpoint": sts.url, "source": source}
    return {"assume_role": asked | members}


def assert_used(bedrock, credential, answer):
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(bedrock.requests[-1], credential)


def assert_unavailable(answer):
    assert (answer.status, answer.code) == (503, "credentials_unavailable")
    assert answer.header("x-amzn-errortype") == "ServiceUnavailableException"
    assert int(answer.header("retry-after")) >= 1
    assert answer.json()["message"] == answer.message


@pytest.mark.parametrize("temporary", [False, True])
def test_static_credentials(start, bedrock, ask, temporary):
    credential = AwsCredential.generate(temporary=temporary)
    bedrock.judge.credentials = [credential]
    with start({"static": static(credential)}) as gateway:
        assert_used(bedrock, credential, ask(gateway))


def test_static_credentials_by_the_environment(start, bedrock, ask):
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


def test_a_bedrock_api_key_is_sent_as_it_is_and_nothing_signed(start, bedrock, ask, token):
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


def test_a_containers_endpoint_by_the_environment(start, bedrock, ask, container):
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


def test_credentials_without_an_end(start, bedrock, ask, container):
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
    assert only(sts.asked) == {
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


def test_a_role_that_may_not_be_assumed(start, bedrock, ask, sts):
    caller = AwsCredential.generate(temporary=False)
    sts.judge.credentials = [caller]
    with start(role(sts, {"static": static(caller)}, external_id="another")) as gateway:
        assert_unavailable(ask(gateway))
        assert caller.secret_access_key not in gateway.log()
    assert not bedrock.requests


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


def test_credentials_are_fetched_anew_before_they_end(start, bedrock, ask, container):
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


def test_credentials_serve_to_their_end_while_fresh_ones_cannot_be_had(start, bedrock, ask, container):
    container.lifetime_s = 10
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_used(bedrock, container.credential, ask(gateway))
        container.fault["credentials"] = Fault(status=500)
        wait_until("a fetch that fails", lambda: container.hits["credentials"] > 1)
        assert_used(bedrock, container.credential, ask(gateway))
        wait_until("the credentials to end", lambda: ask(gateway).status == 503)
        assert_unavailable(ask(gateway))
        container.fault.clear()
        wait_until("fresh credentials", lambda: ask(gateway).status == 200)


FAULTS = {
    "an error": Fault(status=500),
    "not found": Fault(status=404),
    "a refusal": Fault(status=401),
    "HTML": Fault(body=b"<html><body>Welcome</body></html>", content_type="text/html"),
    "nothing": Fault(body=b""),
    "no credentials": Fault(body=b"{}"),
    "an empty key": Fault(body=b'{"AccessKeyId": "", "SecretAccessKey": "", "Token": ""}'),
    "a newline": Fault(body=b'{"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "a\\nb: c"}'),
    "an end that is no time": Fault(body=b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "soon"}'),
    "ended": Fault(body=b'{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "2020-01-02T03:04:05Z"}'),
    "a number": Fault(body=b'{"AccessKeyId": 1, "SecretAccessKey": 2}'),
    "half an answer": Fault(truncated=True),
    "silence": Fault(hang=True),
    "a flood": Fault(size=8 * 1024 * 1024),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_without_credentials_requests_are_refused_at_once_and_served_when_there_are_some(
    start, bedrock, ask, container, fault
):
    container.fault["credentials"] = FAULTS[fault]
    bedrock.judge.credentials = [container.credential]
    with start(at(container)) as gateway:
        assert_unavailable(ask(gateway))
        assert not bedrock.requests
        container.fault.clear()
        wait_until("credentials", lambda: ask(gateway).status == 200)
        assert container.credential.secret_access_key not in gateway.log()
        assert CONTAINER_TOKEN not in gateway.log()


@pytest.mark.parametrize("step", ["token", "role", "credentials"])
@pytest.mark.parametrize("fault", ["an error", "HTML", "nothing"])
def test_faults_of_the_instances_service(start, bedrock, ask, imds, step, fault):
    imds.fault[step] = FAULTS[fault]
    bedrock.judge.credentials = [imds.credential]
    with start({"imds": {"endpoint": imds.url}}) as gateway:
        assert_unavailable(ask(gateway))
        imds.fault.clear()
        wait_until("credentials", lambda: ask(gateway).status == 200)


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
        wait_until("credentials", lambda: ask(gateway).status == 200)


@pytest.mark.parametrize("fault", ["an error", "HTML", "nothing", "silence"])
def test_faults_of_the_token_service(start, bedrock, ask, sts, fault):
    caller = AwsCredential.generate(temporary=False)
    sts.judge.credentials = [caller]
    sts.fault["assume_role"] = FAULTS[fault]
    bedrock.judge.credentials = [sts.credential]
    with start(role(sts, {"static": static(caller)})) as gateway:
        assert_unavailable(ask(gateway))
        sts.fault.clear()
        wait_until("credentials", lambda: ask(gateway).status == 200)


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
def test_credentials_that_make_no_sense_are_refused_with_their_place(world, any_gateway, credentials):
    configuration = bedrock_configuration(world)
    configuration["providers"][0]["credentials"] = credentials
    assert not any_gateway.configure(configuration)
    assert "credentials" in any_gateway.log()


@pytest.mark.parametrize("region", [None, "", "US EAST", "us-east-1/../x", 1], ids=str)
def test_a_region_that_makes_no_sense_is_refused_with_its_place(world, any_gateway, region):
    configuration = bedrock_configuration(world)
    configuration["providers"][0]["region"] = region
    assert not any_gateway.configure(configuration)
    assert "region" in any_gateway.log()


@pytest.fixture(scope="module")
def any_gateway(world, start_gateway):
    """A gateway with a good configuration, to be offered bad ones."""
    with start_gateway(bedrock_configuration(world)) as gateway:
        yield gateway
