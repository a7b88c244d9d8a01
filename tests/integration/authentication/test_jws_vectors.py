"""Published and independently made signatures, and every way to spoil one, as Envoy's own verifier and ours judge them."""

import base64
import json

import pytest

from mocks.keys import base64url
from support.gateway_config import VERIFIERS, configuration
from support.signature_verdicts import CURVE_ORDERS, VALID, signature_judge
from tools.gateway import PROJECT

VECTORS = PROJECT / "tests" / "vectors" / "jws"
# Of these each bit is flipped. The others' checks differ from theirs in the hash alone: each seventh, which meets all
# bits of a byte.
EACH_BIT = {"RS256", "PS256", "ES256", "ES384", "EdDSA"}


def vectors(name):
    return json.loads((VECTORS / name).read_text())


RFC = [vector for vector in vectors("rfc.json") if vector["source"].startswith("RFC 7515")]
INDEPENDENT = {vector["algorithm"]: vector for vector in vectors("independent.json")}


@pytest.fixture(scope="module", params=VERIFIERS)
def judge(request, world, start_gateway):
    """The code of the answer to a token, by one verifier and by the other."""
    issuers = [
        {"issuer": "joe", "audiences": ["a"], "jwks": {"keys": [vector["jwk"] for vector in RFC]}},
        {"issuer": "i", "audiences": ["a"], "jwks": {"keys": [vector["jwk"] for vector in INDEPENDENT.values()]}},
    ]
    with signature_judge(start_gateway, configuration(world), issuers, request.param) as judge:
        yield judge


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def bits(algorithm, data):
    """The places of those that are flipped, one at a time."""
    return range(0, len(data) * 8, 1 if algorithm in EACH_BIT else 7)


def signature(vector):
    return decoded(vector["jws"].rpartition(".")[2])


def signed(vector, signature):
    return f"{vector['jws'].rpartition('.')[0]}.{base64url(signature)}"


@pytest.mark.parametrize(
    "vector", [*RFC, *INDEPENDENT.values()], ids=lambda vector: f"{vector['source']} {vector['algorithm']}"
)
def test_good_signatures_hold(vector, judge):
    assert judge(vector["jws"]) == VALID


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_no_signature_holds_with_one_bit_flipped(algorithm, judge):
    vector = INDEPENDENT[algorithm]
    good = signature(vector)
    for bit in bits(algorithm, good):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        assert judge(signed(vector, bytes(flipped))) == "signature_invalid", bit


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_no_token_holds_with_one_bit_flipped_as_it_is_sent(algorithm, judge):
    """Bits that leave the token printable: others cannot stand in a header."""
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
def test_no_token_holds_with_one_bit_flipped_in_what_it_says(algorithm, part, judge):
    parts = INDEPENDENT[algorithm]["jws"].split(".")
    good = decoded(parts[part])
    for bit in bits(algorithm, good):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        parts[part] = base64url(bytes(flipped))
        assert judge(".".join(parts)) != VALID, bit


@pytest.mark.parametrize("algorithm", CURVE_ORDERS)
def test_r_and_s_out_of_range_are_refused(algorithm, judge):
    """CVE-2022-21449: zero, or the group's order, which is zero modulo itself."""
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
