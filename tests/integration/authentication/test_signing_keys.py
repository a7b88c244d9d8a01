"""Sources of an issuer's signing keys, and which key may verify which token."""

import json

import pytest

from mocks.faults import Fault
from mocks.keys import SigningKey, base64url
from support.gateway_config import VERIFIERS
from support.issuers import entry, identity_provider, running, trusting, verdict, verdicts
from tools.gateway import free_port

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
GOOD = (200, None)
SIGNATURE_INVALID = (401, "signature_invalid")
KEY_UNKNOWN = (401, "key_unknown")
NOT_A_KEY_FOR_THIS = ["kty", "use", "key_ops", "alg", "other alg", "hmac", "1024 bits", "exponent 1", "even modulus"]


class Issuers:
    """Issuers with each source of keys, all behind one gateway: discovery, `jwks_uri`, the configuration."""

    def __init__(self):
        self.discovered = identity_provider()
        self.discovered.keys = [SigningKey.generate(algorithm, algorithm) for algorithm in ALGORITHMS]
        port = free_port()
        self.below_a_path = identity_provider(issuer=f"http://127.0.0.1:{port}/tenants/a/", port=port)
        self.by_uri = identity_provider(issuer="https://by-uri.test")
        self.impostor = identity_provider()
        self.inline = identity_provider(issuer="https://inline.test")
        self.inline.keys = [SigningKey.generate("RS256"), SigningKey.generate("RS256"), SigningKey.generate("ES256")]
        self.same_kid = identity_provider(issuer="https://same-kid.test")
        self.same_kid.keys = [SigningKey.generate("RS256", self.inline.keys[0].kid)]
        self.without_alg = identity_provider(issuer="https://without-alg.test")
        self.narrow = identity_provider(issuer="https://narrow.test")
        self.narrow.keys = [SigningKey.generate("ES256"), SigningKey.generate("RS256")]
        self.with_unusable_keys = identity_provider()
        self.unusable = {kid: SigningKey.generate("RS256", kid) for kid in NOT_A_KEY_FOR_THIS}
        self.unusable["1024 bits"] = SigningKey.generate("RS256", "1024 bits", bits=1024)

    def servers(self):
        return self.discovered, self.below_a_path, self.by_uri, self.impostor, self.with_unusable_keys

    def entries(self):
        without_alg = [key.jwk(alg=None, use=None) for key in self.without_alg.keys]
        return [
            entry(self.discovered),
            entry(self.below_a_path),
            entry(self.by_uri, jwks_uri=self.by_uri.jwks_uri),
            entry(self.impostor),
            entry(self.inline, jwks=self.inline.jwks()),
            entry(self.same_kid, jwks=self.same_kid.jwks()),
            entry(self.without_alg, jwks={"keys": without_alg}),
            entry(self.narrow, jwks=self.narrow.jwks(), algorithms=["ES256"]),
            entry(self.with_unusable_keys),
        ]

    def unusable_keys(self):
        changes = {
            "kty": {"kty": "EC"},
            "use": {"use": "enc"},
            "key_ops": {"use": None, "key_ops": ["sign", "encrypt"]},
            "alg": {"alg": "RS512"},
            "other alg": {"alg": "RSA-OAEP"},
            "hmac": {"kty": "oct", "alg": "HS256", "k": base64url(b"k" * 32)},
            "1024 bits": {},
            "exponent 1": {"e": "AQ"},
            "even modulus": {"n": base64url(b"\xc0" + bytes(255))},
        }
        yield from ({}, {"kty": 1}, "no object", None, {"kty": "RSA", "n": "!", "e": "AQAB"})
        yield from (key.jwk(**changes[kid]) for kid, key in self.unusable.items())


@pytest.fixture(scope="module")
def issuers():
    issuers = Issuers()
    with running(*issuers.servers()):
        document = {"issuer": issuers.discovered.issuer, "jwks_uri": issuers.impostor.jwks_uri}
        issuers.impostor.fault["discovery"] = Fault(body=json.dumps(document).encode())
        key_set = {"keys": [*issuers.unusable_keys(), *issuers.with_unusable_keys.jwks()["keys"]]}
        issuers.with_unusable_keys.fault["jwks"] = Fault(body=json.dumps(key_set).encode())
        yield issuers


@pytest.fixture(scope="module", params=VERIFIERS)
def gateway(request, world, issuers, start_gateway):
    """A gateway where Envoy verifies signatures, and one that verifies them in Wasm."""
    trusted = trusting(world, *issuers.entries())
    trusted["authentication"]["signature_verifier"] = request.param
    with start_gateway(trusted) as gateway:
        assert VERIFIERS[request.param] in gateway.log()
        yield gateway


@pytest.mark.parametrize("name", ["discovered", "below_a_path", "by_uri", "inline"])
def test_keys_come_from_discovery_a_uri_or_the_configuration(gateway, issuers, name):
    assert verdicts(gateway, getattr(issuers, name).mint()) == {GOOD}


def test_discovery_is_used_only_if_no_uri_is_configured(gateway, issuers):
    assert verdict(gateway, issuers.by_uri.mint()) == GOOD
    assert issuers.by_uri.hits["jwks"] and not issuers.by_uri.hits["discovery"]


def test_a_discovery_document_of_another_issuer_is_not_followed(gateway, issuers):
    assert verdicts(gateway, issuers.impostor.mint()) == {(503, "keys_unavailable")}
    assert issuers.impostor.hits["discovery"] and not issuers.impostor.hits["jwks"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_is_accepted(gateway, issuers, algorithm):
    key = next(key for key in issuers.discovered.keys if key.alg == algorithm)
    assert verdict(gateway, issuers.discovered.mint(key=key)) == GOOD
    assert verdict(gateway, issuers.discovered.mint(key=key, header={"kid": None})) == GOOD


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_algorithm_accepts_a_key_that_the_issuer_does_not_publish(gateway, issuers, algorithm):
    foreign_key = SigningKey.generate(algorithm, algorithm)
    assert verdict(gateway, issuers.discovered.mint(key=foreign_key)) == SIGNATURE_INVALID


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_algorithm_accepts_a_key_of_another_algorithm(gateway, issuers, algorithm):
    for key in issuers.discovered.keys:
        if key.alg != algorithm:
            forged = issuers.discovered.mint(key=key, header={"alg": algorithm, "kid": algorithm})
            assert verdict(gateway, forged) == SIGNATURE_INVALID
            mixed = issuers.discovered.mint(key=key, header={"alg": algorithm})
            assert verdict(gateway, mixed) == KEY_UNKNOWN


def test_a_token_without_kid_is_tried_against_every_key_of_its_algorithm(gateway, issuers):
    for key in issuers.inline.keys:
        assert verdict(gateway, issuers.inline.mint(key=key, header={"kid": None})) == GOOD
    foreign_key = SigningKey.generate("RS256")
    assert verdict(gateway, issuers.inline.mint(key=foreign_key, header={"kid": None})) == SIGNATURE_INVALID


def test_a_key_without_alg_is_used_for_every_algorithm_of_its_type(gateway, issuers):
    key = issuers.without_alg.keys[0]
    for algorithm in ["RS256", "RS512", "PS256", "PS512"]:
        same_key = SigningKey(algorithm, key.kid, key.private)
        assert verdict(gateway, issuers.without_alg.mint(key=same_key)) == GOOD


def test_an_issuer_can_be_restricted_to_algorithms(gateway, issuers):
    narrow, (ec, rsa) = issuers.narrow, issuers.narrow.keys
    assert verdict(gateway, narrow.mint(key=ec)) == GOOD
    assert verdict(gateway, narrow.mint(key=rsa)) == (401, "algorithm_not_allowed")


def test_one_issuers_key_does_not_sign_for_another_even_under_the_same_kid(gateway, issuers):
    ours, theirs = issuers.inline, issuers.same_kid
    assert ours.keys[0].kid == theirs.keys[0].kid
    assert verdict(gateway, ours.mint(key=ours.keys[0])) == verdict(gateway, theirs.mint()) == GOOD
    assert verdict(gateway, ours.mint(key=theirs.keys[0])) == SIGNATURE_INVALID
    assert verdict(gateway, theirs.mint(key=ours.keys[0])) == SIGNATURE_INVALID


@pytest.mark.parametrize("kid", NOT_A_KEY_FOR_THIS)
def test_a_key_that_does_not_match_the_token_is_ignored(gateway, issuers, kid):
    assert verdict(gateway, issuers.with_unusable_keys.mint(key=issuers.unusable[kid])) == KEY_UNKNOWN


def test_unusable_keys_do_not_affect_the_usable_key_beside_them(gateway, issuers):
    assert verdict(gateway, issuers.with_unusable_keys.mint()) == GOOD


def test_a_token_with_any_single_changed_bit_is_refused(gateway, issuers):
    """One bit of each byte, so that every byte is covered."""
    token = issuers.inline.mint(key=issuers.inline.keys[2])
    for place in range(len(token)):
        flipped = chr(ord(token[place]) ^ (1 << place % 6))
        changed = token[:place] + flipped + token[place + 1 :]
        assert verdict(gateway, changed)[0] in (400, 401), changed
