"""Changes under load of 500 requests per second: configuration, keys, issuers, and Envoy itself."""

import time
import urllib.request

import pytest

from mocks.providers import OpenAI
from support.client import wait_until
from support.gateway_config import PREFIX
from support.issuers import entry, identity_provider, running, verdict, verdicts
from support.load import Load, upstream
from support.raw_http import CHAT, ask, bearer, request
from support.timed_stream import Stream
from tools.gateway import READY_TIMEOUT_S

GOOD = (200, None)
RATE = 500
# Low, because the load generator shares the CPUs with the gateway.
LEAST_RATE = 250


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with upstream(tmp_path_factory.mktemp("upstream")) as port:
        yield port


def openai(name, port, key):
    return {"name": name, "type": "openai", "base_url": f"http://127.0.0.1:{port}", "api_key": {"value": key}}


def serving(*providers, issuers):
    return {"authentication": {"issuers": issuers}, "providers": list(providers)}


def assert_nothing_lost(load):
    print(load.summary())
    assert set(load.result["statuses"]) == {"200"}
    assert load.result["resent"] == 0
    assert load.rate > LEAST_RATE


def test_configuration_changes_lose_no_request(start_gateway, port, tmp_path):
    """A provider is added and removed, a key replaced, an issuer added and removed, a broken file refused."""
    with running(identity_provider(), identity_provider(), OpenAI(None)) as (issuer, other, slow):
        kept, old, new = entry(issuer), entry(other), openai("new", port, "k")
        gateway = start_gateway(serving(openai("my-openai", port, "first"), issuers=[kept, old]))
        token = issuer.mint()
        going = openai("going", slow.port, "k") | {"base_url": slow.base_url}
        with Load(gateway, tmp_path, token, seconds=12, rate=RATE) as load:
            assert gateway.configure(serving(openai("my-openai", port, "first"), new, going, issuers=[kept, old]))
            wait_until(lambda: status_of(gateway, "new", token) == {200})
            with Stream(gateway, token, CHAT.replace("my-openai", "going")) as stream:
                assert gateway.configure(serving(openai("my-openai", port, "first"), issuers=[kept, old]))
                wait_until(lambda: status_of(gateway, "new", token) == {404})
            assert stream.events[-1] == "[DONE]" and len(stream.pieces()) == 20
            assert gateway.configure(serving(openai("my-openai", port, "second"), issuers=[kept, old]))
            wait_until(lambda: b"Bearer second" in last_head(port))
            assert verdicts(gateway, other.mint()) == {GOOD}
            assert gateway.configure(serving(openai("my-openai", port, "second"), issuers=[kept]))
            wait_until(lambda: verdicts(gateway, other.mint()) == {(401, "issuer_unknown")})
            assert not gateway.configure(serving(openai("my-openai", port, ""), issuers=[kept]))
        assert_nothing_lost(load)
        assert "the configuration is refused: /providers/0/api_key" in gateway.log()
        refusals = "wasmcustom.reason=.=/providers/0/api_key;.;ai_gateway_configurations_refused"
        assert gateway.stats(refusals) == {refusals: 1}
        wait_until(lambda: '"ai_gateway.provider":"going"' in gateway.log())
        assert not any(gateway.stats("wasm.ai_gateway.vm_reload").values())


def last_head(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/last", timeout=5) as reply:
        return reply.read()


def status_of(gateway, name, token):
    target = f"{PREFIX}/{name}/v1/chat/completions"
    return {ask(gateway, request(target, bearer(token))).status for _ in range(8)}


def test_key_rotation_refuses_no_valid_token_and_accepts_none_of_a_removed_key(start_gateway, port, tmp_path):
    """The new key is published and used, and the old one is removed once no token is signed with it."""
    with running(identity_provider()) as (issuer,):
        settings = entry(issuer, refresh_interval="1s", refetch_interval="1s")
        gateway = start_gateway(serving(openai("my-openai", port, "k"), issuers=[settings]))
        removed, old = issuer.keys[0], issuer.mint()
        with Load(gateway, tmp_path, old, seconds=3, rate=RATE) as before:
            new = issuer.mint(key=issuer.rotate())
            assert verdicts(gateway, new) == verdicts(gateway, old) == {GOOD}
        with Load(gateway, tmp_path, *(issuer.mint() for _ in range(50)), seconds=4, rate=RATE) as after:
            issuer.keys.remove(removed)
            taken_out = time.monotonic()
            wait_until(lambda: verdict(gateway, old)[0] == 401)
            refused_s = time.monotonic() - taken_out
            time.sleep(1)  # the other workers get the new keys within a second
            for _ in range(20):
                assert verdict(gateway, old) == (401, "key_unknown")
                assert verdict(gateway, issuer.mint(key=removed)) == (401, "key_unknown")
        assert_nothing_lost(before)
        assert_nothing_lost(after)
        print(f"tokens of the removed key were refused after {refused_s:.1f} s, with a refresh interval of one second")


@pytest.fixture
def restartable(start_gateway, tmp_path):
    """Start Envoys that replace each other: the first restart epoch, then the next."""
    base_id = tmp_path / "base-id"
    times = ["--drain-time-s", "4", "--parent-shutdown-time-s", "6"]
    epochs = []

    def start(configuration):
        if not epochs:
            arguments = ["--use-dynamic-base-id", "--base-id-path", str(base_id), *times]
            epochs.append(start_gateway(configuration, arguments=arguments))
        else:
            first = epochs[0]
            options = {"port": first.port, "admin_port": first.admin_port}
            arguments = ["--base-id", base_id.read_text().strip(), "--restart-epoch", str(len(epochs)), *times]
            epochs.append(start_gateway(configuration, arguments=arguments, **options))
        return epochs[-1]

    return start


def test_a_hot_restart_loses_no_request(restartable, port, tmp_path):
    """A new Envoy takes over the listener. The old one finishes its streams and exits."""
    with running(identity_provider(), OpenAI(None)) as (issuer, slow):
        token = issuer.mint()
        slow_one = openai("slow", slow.port, "k") | {"base_url": slow.base_url}
        first = restartable(serving(openai("my-openai", port, "first"), slow_one, issuers=[entry(issuer)]))
        with Load(first, tmp_path, token, seconds=10, rate=RATE) as load:
            time.sleep(1)
            with Stream(first, token, CHAT.replace("my-openai", "slow")) as stream:
                second = restartable(serving(openai("my-openai", port, "second"), slow_one, issuers=[entry(issuer)]))
                # Until then the old process reports that it is ready.
                wait_until(lambda: b"Bearer second" in last_head(port), READY_TIMEOUT_S)
            assert stream.events[-1] == "[DONE]" and len(stream.pieces()) == 20
            wait_until(lambda: not first.running(), 15)
        assert second.running()
        print(load.summary())
        assert set(load.result["statuses"]) == {"200"}
        assert load.rate > LEAST_RATE


def test_a_drain_loses_no_request(start_gateway, port, tmp_path):
    """As before a shutdown: responses close their connections, streams run to their end, and then nothing is in flight."""
    with running(identity_provider(), OpenAI(None)) as (issuer, slow):
        slow_one = openai("slow", slow.port, "k") | {"base_url": slow.base_url}
        configuration = serving(openai("my-openai", port, "k"), slow_one, issuers=[entry(issuer)])
        gateway = start_gateway(configuration, arguments=["--disable-hot-restart", "--drain-time-s", "10"])
        token = issuer.mint()
        with Load(gateway, tmp_path, token, seconds=4, rate=RATE) as load:
            with Stream(gateway, token, CHAT.replace("my-openai", "slow")) as stream:
                drain = urllib.request.Request(f"{gateway.admin_url}/drain_listeners?graceful", b"")
                urllib.request.urlopen(drain, timeout=5).close()
            assert stream.events[-1] == "[DONE]" and len(stream.pieces()) == 20
        print(load.summary())
        assert set(load.result["statuses"]) == {"200"}
        assert load.result["reopened"] > 0, "no response has closed its connection"
        assert load.rate > LEAST_RATE
        wait_until(lambda: gateway.stats("http.ai_gateway.")["http.ai_gateway.downstream_rq_active"] == 0)
        assert gateway.stop() == 0
