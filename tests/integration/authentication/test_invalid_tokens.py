"""Tokens that must be refused, and unusual ones that must be accepted, over raw HTTP/1.1 through real Envoy."""

import hashlib
import hmac
import json
import time

import pytest

from mocks.keys import SigningKey, base64url, compact
from support.gateway_config import VERIFIERS, configuration
from support.raw_http import CHAT, PREFIX, ask, assert_still_works, bearer, request

FOREIGN_KEY = SigningKey.generate(kid="foreign-key")
GOOGLE = f"{PREFIX}/my-google/v1beta/models/m:generateContent"
NESTING = 3000


@pytest.fixture(scope="module", params=VERIFIERS)
def gateway(request, gateway, world, start_gateway):
    """The shared gateway, where Envoy verifies signatures, and one that verifies them in Wasm."""
    if request.param == "wasm":
        document = configuration(world)
        document["authentication"]["signature_verifier"] = "wasm"
        gateway = start_gateway(document)
    assert VERIFIERS[request.param] in gateway.log()
    return gateway


@pytest.fixture(autouse=True)
def still_works(gateway, token):
    yield
    assert_still_works(gateway, token)


def test_a_valid_token_is_accepted(gateway, token):
    assert ask(gateway, request(CHAT, bearer(token))).status == 200


# Headers that are refused before the token is parsed.
HEADERS = {
    "no token": ([], 401, "token_missing"),
    "another scheme": (["authorization: Basic YTpi"], 401, "token_malformed"),
    "no scheme": (["authorization: {token}"], 401, "token_malformed"),
    "an empty authorization": (["authorization:"], 401, "token_malformed"),
    "Bearer with nothing": (["authorization: Bearer"], 401, "token_missing"),
    "Bearer with spaces": (["authorization: Bearer   "], 401, "token_missing"),
    "a scheme that begins with bearer": (["authorization: Bearers {token}"], 401, "token_malformed"),
    "a token with a space inside": (["authorization: Bearer {token} {token}"], 401, "token_malformed"),
    "a repeated authorization": (["authorization: Bearer {token}", "Authorization: Bearer {token}"], 400, "repeated"),
    "authorization by two schemes": (["authorization: Basic YTpi", "authorization: Bearer {token}"], 400, "repeated"),
    "a repeated x-goog-api-key": (["x-goog-api-key: {token}", "x-goog-api-key: {token}"], 400, "repeated"),
    "a repeated x-api-key": (["x-api-key: {token}", "x-api-key: a"], 400, "repeated"),
    "a repeated gateway token header": (["x-ai-gateway-authorization: {token}"] * 2, 400, "repeated"),
    "two tokens joined by a comma": (["authorization: Bearer {token}, Bearer {token}"], 400, "credential_repeated"),
    "bytes that are not UTF-8 as a token": (["authorization: Bearer \xff\xfe"], 401, "token_malformed"),
    "bytes that are not UTF-8 as a scheme": (["authorization: \xff\xfe"], 401, "token_malformed"),
    "bytes that are not UTF-8 in x-api-key": (["x-api-key: \xff.\xfe.\xfd"], 401, "token_malformed"),
    "bytes that are not UTF-8 in x-goog-api-key": (["x-goog-api-key: \xc3("], 401, "token_malformed"),
    "bytes that are not UTF-8 in a gateway token header": (["x-redpanda-cloud-token: \x80"], 401, "token_malformed"),
    "bytes that are not UTF-8 in any other header": (["authorization: Bearer {token}", "x-any: \xff\x80"], 200, None),
    "bytes that are not UTF-8 in a header's name": (
        ["authorization: Bearer {token}", "x-\xff: a"],
        400,
        "request_invalid",
    ),
    "a header's name in mixed case": (["aUTHORIZATION: bEARER {token}"], 200, None),
}


@pytest.mark.parametrize(("lines", "status", "code"), HEADERS.values(), ids=HEADERS)
def test_malformed_authorization_headers_are_refused(gateway, token, lines, status, code):
    answer = ask(gateway, request(CHAT, *(line.replace("{token}", token) for line in lines)))
    assert (answer.status, answer.code) == (status, "credential_repeated" if code == "repeated" else code)


def test_comma_joined_tokens_are_refused_in_googles_header(gateway, token):
    answer = ask(gateway, request(GOOGLE, f"x-goog-api-key: {token}, {token}"))
    assert (answer.status, answer.code) == (401, "token_malformed")


# A provider with passthrough, and headers that a client may send with its own credential or instead of it.
PASSED_THROUGH = {
    "alone": ["authorization: Bearer {token}"],
    "in lower case": ["authorization: bearer {token}"],
    "without a scheme": ["x-api-key: {token}"],
    "after a tab": ["authorization: Bearer\t{token}"],
    "before the client's own": ["authorization: Bearer {token}", "authorization: Bearer sk-own"],
    "after the client's own": ["authorization: Bearer sk-own", "authorization: Bearer {token}"],
    "joined with the client's own by a comma": ["authorization: Bearer {token}, Bearer sk-own"],
    "with trailing bytes": ["authorization: Bearer {token} sk-own"],
}


@pytest.mark.parametrize("lines", PASSED_THROUGH.values(), ids=PASSED_THROUGH)
def test_the_gateways_token_is_never_passed_through(gateway, world, token, lines):
    world.anthropic.requests.clear()
    answer = ask(
        gateway, request(f"{PREFIX}/my-claude/v1/messages", *(line.replace("{token}", token) for line in lines))
    )
    assert not any(token.encode() in value for recorded in world.anthropic.requests for _, value in recorded.headers)
    assert answer.code in ("token_misplaced", "credential_repeated")


def test_a_repeated_key_parameter_is_refused(gateway, token):
    answer = ask(gateway, request(f"{GOOGLE}?key={token}&%6Bey={token}"))
    assert (answer.status, answer.code) == (400, "credential_repeated")


def hmac_sha256_with_the_public_key(issuer):
    def sign(message):
        return hmac.digest(issuer.keys[0].public_pem(), message, hashlib.sha256)

    return compact({"alg": "HS256", "typ": "JWT", "kid": issuer.keys[0].kid}, issuer.claims(), sign)


def with_altered_claims(issuer):
    header, _, signature = issuer.mint().split(".")
    claims = json.dumps(issuer.claims() | {"sub": "root"}).encode()
    return f"{header}.{base64url(claims)}.{signature}"


def signed_text(issuer, claims):
    """A valid signature over claims given as text."""
    return issuer.keys[-1].sign(claims.encode())


def claims_text(issuer, more):
    return json.dumps(issuer.claims())[:-1] + more + "}"


def with_header_text(issuer, more):
    """A valid signature over a header with extra members given as text."""
    key = issuer.keys[-1]
    header = json.dumps({"alg": key.alg, "kid": key.kid})[:-1] + more + "}"
    signing_input = f"{base64url(header.encode())}.{base64url(json.dumps(issuer.claims()).encode())}"
    return f"{signing_input}.{base64url(key.signature(signing_input.encode()))}"


def signed_with_foreign_key(issuer, **header):
    """A token signed with a key that the issuer does not publish. The header may name or contain that key."""
    return issuer.mint(key=FOREIGN_KEY, header={"kid": issuer.keys[0].kid, **header})


def changed(token, part, change):
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def later(seconds):
    return time.time() + seconds


DEEP = "[" * NESTING + "]" * NESTING

BAD_TOKENS = {
    "three dots": (lambda i: i.mint() + ".", "token_malformed"),
    "one dot": (lambda i: i.mint().rpartition(".")[0], "token_malformed"),
    "only dots": (lambda i: "..", "token_malformed"),
    "20 KB": (lambda i: "a" * 10_000 + "." + "b" * 9_998 + ".c", "token_too_long"),
    "padded base64url": (lambda i: changed(i.mint(), 1, lambda text: text + "="), "token_malformed"),
    "base64 of the other alphabet": (lambda i: changed(i.mint(), 2, lambda text: "+/" + text[2:]), "token_malformed"),
    "alg none": (lambda i: compact({"alg": "none"}, i.claims(), lambda _: b""), "algorithm_not_allowed"),
    "alg None": (lambda i: compact({"alg": "nOnE"}, i.claims(), lambda _: b""), "algorithm_not_allowed"),
    "no alg": (lambda i: i.mint(header={"alg": None}), "algorithm_not_allowed"),
    "HS256 signed with the public key": (hmac_sha256_with_the_public_key, "algorithm_not_allowed"),
    "an alg of another key type": (lambda i: i.mint(header={"alg": "RS512"}), "key_unknown"),
    "a wrong iss": (lambda i: i.mint({"iss": i.issuer + "/"}), "issuer_unknown"),
    "no iss": (lambda i: i.mint(omit=["iss"]), "token_malformed"),
    "a wrong aud": (lambda i: i.mint({"aud": ["other", "ai-gateway2"]}), "audience_not_accepted"),
    "an empty aud": (lambda i: i.mint({"aud": []}), "audience_not_accepted"),
    "no aud": (lambda i: i.mint(omit=["aud"]), "audience_not_accepted"),
    "an aud that is an object": (lambda i: i.mint({"aud": {"ai-gateway": True}}), "audience_not_accepted"),
    "expired": (lambda i: i.mint({"exp": int(later(-1))}), "token_expired"),
    "no exp": (lambda i: i.mint(omit=["exp"]), "token_malformed"),
    "exp null": (lambda i: i.mint({"exp": None}), "token_malformed"),
    "exp as a string": (lambda i: i.mint({"exp": str(int(later(3600)))}), "token_malformed"),
    "a negative exp": (lambda i: i.mint({"exp": -1}), "token_malformed"),
    "nbf in the future": (lambda i: i.mint({"nbf": later(70)}), "token_not_yet_valid"),
    "iat in the future": (lambda i: i.mint({"iat": later(70)}), "token_not_yet_valid"),
    "a huge nbf": (lambda i: i.mint({"nbf": 1e300}), "token_not_yet_valid"),
    "sub as a number": (lambda i: i.mint({"sub": 1}), "token_malformed"),
    "a key not in the set": (lambda i: i.mint(key=FOREIGN_KEY), "key_unknown"),
    "a foreign key with a known kid": (signed_with_foreign_key, "signature_invalid"),
    "a foreign key without kid": (lambda i: signed_with_foreign_key(i, kid=None), "signature_invalid"),
    "an embedded jwk": (lambda i: signed_with_foreign_key(i, jwk=FOREIGN_KEY.jwk()), "signature_invalid"),
    "an embedded jwk without kid": (
        lambda i: signed_with_foreign_key(i, kid=None, jwk=FOREIGN_KEY.jwk()),
        "signature_invalid",
    ),
    "altered claims": (with_altered_claims, "signature_invalid"),
    "no signature": (lambda i: changed(i.mint(), 2, lambda _: ""), "signature_invalid"),
    "a signature of zeros": (lambda i: changed(i.mint(), 2, lambda _: base64url(bytes(256))), "signature_invalid"),
    "claims that are a list": (lambda i: signed_text(i, "[]"), "token_malformed"),
    "claims that are a string": (lambda i: signed_text(i, '"iss"'), "token_malformed"),
    "claims that are null": (lambda i: signed_text(i, "null"), "token_malformed"),
    "claims that are not JSON": (lambda i: signed_text(i, "iss"), "token_malformed"),
    "claims with trailing bytes": (lambda i: signed_text(i, claims_text(i, "") + "{}"), "token_malformed"),
    "a JSON bomb for claims": (lambda i: signed_text(i, "[" * 2 * NESTING), "token_malformed"),
    "a JSON bomb in a claim": (lambda i: signed_text(i, claims_text(i, f',"x":{DEEP}')), "token_malformed"),
    "a JSON bomb for a header": (lambda i: changed(i.mint(), 0, lambda _: base64url(DEEP.encode())), "token_malformed"),
    "a repeated claim": (lambda i: signed_text(i, claims_text(i, ',"sub":"root"')), "token_malformed"),
    "a repeated iss": (lambda i: signed_text(i, claims_text(i, f',"iss":"{i.issuer}"')), "token_malformed"),
    "a repeated alg": (lambda i: with_header_text(i, ',"alg":"RS256"'), "token_malformed"),
    "crit": (lambda i: i.mint(header={"crit": ["exp"]}), "token_malformed"),
    "crit null": (lambda i: with_header_text(i, ',"crit":null'), "token_malformed"),
    "b64 false": (lambda i: i.mint(header={"crit": ["b64"], "b64": False}), "token_malformed"),
    "b64 false, not critical": (lambda i: i.mint(header={"b64": False}), "token_malformed"),
    "kid as a number": (lambda i: i.mint(header={"kid": 1}), "token_malformed"),
    "kid with unusual characters": (lambda i: i.mint(header={"kid": "../../\x00'\"\u2028;--%00é"}), "key_unknown"),
    "kid of 5 KB": (lambda i: i.mint(header={"kid": "k" * 5000}), "key_unknown"),
    "kid in another case": (lambda i: i.mint(header={"kid": i.keys[0].kid.upper() + "A"}), "key_unknown"),
}


@pytest.mark.parametrize(("make", "code"), BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_bad_tokens_get_401(gateway, world, make, code):
    answer = ask(gateway, request(CHAT, bearer(make(world.identity_provider))))
    assert (answer.status, answer.code) == (401, code)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="ai-gateway", error="invalid_token", ')


def test_a_token_beyond_the_header_limit_gets_431_from_envoy(gateway):
    assert ask(gateway, request(CHAT, bearer("a" * 100_000))).status == 431


@pytest.mark.parametrize("parameter", ["jku", "x5u"])
def test_key_urls_in_a_token_are_never_fetched(gateway, world, parameter):
    world.compatible.requests.clear()
    token = signed_with_foreign_key(world.identity_provider, kid=None, **{parameter: world.compatible.url + "/keys"})
    answer = ask(gateway, request(CHAT, bearer(token)))
    assert (answer.status, answer.code) == (401, "signature_invalid")
    assert not world.compatible.requests


UNUSUAL_VALID_TOKENS = {
    "nbf within the leeway": lambda i: i.mint({"nbf": later(45)}),
    "iat within the leeway": lambda i: i.mint({"iat": later(45)}),
    "dates with a fraction": lambda i: i.mint({"exp": later(3600), "iat": later(-0.5)}),
    "a huge exp": lambda i: i.mint({"exp": 1e300}),
    "one valid audience among others": lambda i: i.mint({"aud": ["other", "ai-gateway"]}),
    "no kid": lambda i: i.mint(header={"kid": None}),
    "an unknown nested header parameter": lambda i: with_header_text(i, ',"x":[[[{"y":[]}]]]'),
    "its own jwk in the header": lambda i: i.mint(header={"jwk": i.keys[-1].jwk()}),
}


@pytest.mark.parametrize("make", UNUSUAL_VALID_TOKENS.values(), ids=UNUSUAL_VALID_TOKENS)
def test_unusual_valid_tokens_are_accepted(gateway, world, make):
    assert ask(gateway, request(CHAT, bearer(make(world.identity_provider)))).status == 200
