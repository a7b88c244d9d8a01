"""Published and independently generated signatures and corruptions of them, with Envoy's verifier and the filter's own."""

import base64
import json

import pytest

from mocks.keys import base64url
from support.gateway_config import VERIFIERS, configuration
from support.signature_verdicts import CURVE_ORDERS, VALID, signature_judge
from tools.gateway import PROJECT

VECTORS = PROJECT / "tests" / "vectors" / "jws"
# All bits are flipped for these algorithms. The others differ from them only in the hash, so every seventh bit is
# enough, which covers all bit positions of a byte.
EACH_BIT = {"RS256", "PS256", "ES256", "ES384", "EdDSA"}


def vectors(name):
    return json.loads((VECTORS / name).read_text())


RFC = [vector for vector in vectors("rfc.json") if vector["source"].startswith("RFC 7515")]
INDEPENDENT = {vector["algorithm"]: vector for vector in vectors("independent.json")}


@pytest.fixture(scope="module", params=VERIFIERS)
def judge(request, world, start_gateway):
    """A function that returns the error code for a token, with each verifier."""
    # The tokens have no `kid`, so at most two keys of an issuer may fit one.
    keys = {
        "joe": [vector["jwk"] for vector in RFC],
        "i": [vector["jwk"] | {"alg": algorithm} for algorithm, vector in INDEPENDENT.items()],
    }
    issuers = [{"issuer": name, "audiences": ["a"], "jwks": {"keys": keys[name]}} for name in keys]
    with signature_judge(start_gateway, configuration(world), issuers, request.param) as judge:
        yield judge


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def bits(algorithm, data):
    """The positions of the bits to flip, one at a time."""
    return range(0, len(data) * 8, 1 if algorithm in EACH_BIT else 7)


def signature(vector):
    return decoded(vector["jws"].rpartition(".")[2])


def signed(vector, signature):
    return f"{vector['jws'].rpartition('.')[0]}.{base64url(signature)}"


@pytest.mark.parametrize(
    "vector", [*RFC, *INDEPENDENT.values()], ids=lambda vector: f"{vector['source']} {vector['algorithm']}"
)
def test_correct_signatures_are_valid(vector, judge):
    assert judge(vector["jws"]) == VALID


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_a_signature_with_one_flipped_bit_is_refused(algorithm, judge):
    vector = INDEPENDENT[algorithm]
    good = signature(vector)
    for bit in bits(algorithm, good):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        assert judge(signed(vector, bytes(flipped))) == "signature_invalid", bit


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_a_token_with_one_flipped_bit_in_its_encoded_form_is_refused(algorithm, judge):
    """Only bits that leave the token printable, as a header cannot contain other bytes."""
    good = INDEPENDENT[algorithm]["jws"]
    tried = 0
    for bit in bits(algorithm, good):
        flipped = bytearray(good.encode())
        flipped[bit // 8] ^= 1 << bit % 8
        if 0x21 <= flipped[bit // 8] <= 0x7E and flipped[bit // 8] != ord(","):
            assert judge(flipped.decode()) != VALID, bit
            tried += 1
    assert tried > (500 if algorithm in EACH_BIT else 100)


@pytest.mark.parametrize("part", [0, 1], ids=["header", "claims"])
@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_a_token_with_one_flipped_bit_in_its_decoded_form_is_refused(algorithm, part, judge):
    parts = INDEPENDENT[algorithm]["jws"].split(".")
    good = decoded(parts[part])
    for bit in bits(algorithm, good):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        parts[part] = base64url(bytes(flipped))
        assert judge(".".join(parts)) != VALID, bit


@pytest.mark.parametrize("algorithm", CURVE_ORDERS)
def test_r_and_s_out_of_range_are_refused(algorithm, judge):
    """CVE-2022-21449: r or s is zero, or the order of the group, which is zero modulo itself."""
    vector = INDEPENDENT[algorithm]
    good = signature(vector)
    half = len(good) // 2
    r, s = good[:half], good[half:]
    for bad in (bytes(half), bytes.fromhex(CURVE_ORDERS[algorithm]), b"\xff" * half):
        for pair in (bad + s, r + bad, bad + bad):
            assert judge(signed(vector, pair)) == "signature_invalid"


@pytest.mark.parametrize("algorithm", CURVE_ORDERS)
def test_a_signature_in_der_is_refused(algorithm, judge):
    vector = INDEPENDENT[algorithm]
    good = signature(vector)
    half = len(good) // 2

    def integer(number):
        number = number.lstrip(b"\0")
        number = b"\0" + number if number[0] & 0x80 else number
        return b"\x02" + bytes([len(number)]) + number

    content = integer(good[:half]) + integer(good[half:])
    der = b"\x30" + bytes([len(content)]) + content
    assert judge(signed(vector, der)) == "signature_invalid"


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_a_signature_of_another_length_is_refused(algorithm, judge):
    vector = INDEPENDENT[algorithm]
    good = signature(vector)
    for bad in (
        b"",
        good[1:],
        good[:-1],
        good + b"\0",
        b"\0" + good,
        good + good,
        bytes(len(good)),
        b"\xff" * len(good),
    ):
        assert judge(signed(vector, bad)) == "signature_invalid"
