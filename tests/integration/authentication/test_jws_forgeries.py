"""Signatures in encodings that JOSE does not allow, which only the holder of the private key can make.

Some verifiers have accepted forged signatures because they were lenient about such encodings: paddings that are parsed
but not compared, or other salts and masks. Envoy's verifier and the filter's own must agree on each.
"""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mocks.keys import base64url
from support.gateway_config import VERIFIERS, configuration
from support.signature_verdicts import CURVE_ORDERS, VALID, signature_judge

SIZE = 256
SHA256_ID = bytes.fromhex("3031300d060960864801650304020105000420")
SHA1_ID = bytes.fromhex("3021300906052b0e03021a05000414")
WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
LONG_LENGTH = bytes.fromhex("308131300d060960864801650304020105000420")
EXTRA_PARAMETERS = bytes.fromhex("3033300f060960864801650304020104020000" + "0420")

RSA = rsa.generate_private_key(65537, SIZE * 8)
NUMBERS = RSA.private_numbers()
MODULUS = NUMBERS.public_numbers.n
EC = ec.generate_private_key(ec.SECP256R1())


def integer(number):
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))


def keys():
    point = EC.public_key().public_numbers()
    return [
        {"kty": "RSA", "kid": "rsa", "n": integer(MODULUS), "e": "AQAB"},
        {
            "kty": "EC",
            "kid": "ec",
            "crv": "P-256",
            "x": base64url(point.x.to_bytes(32)),
            "y": base64url(point.y.to_bytes(32)),
        },
    ]


@pytest.fixture(scope="module", params=VERIFIERS)
def judge(request, world, start_gateway):
    """A function that returns the error code for a token, with each verifier."""
    issuers = [{"issuer": "i", "audiences": ["a"], "jwks": {"keys": keys()}}]
    with signature_judge(start_gateway, configuration(world), issuers, request.param) as judge:
        yield judge


def unsigned(algorithm, kid):
    parts = ({"alg": algorithm, "kid": kid}, {"iss": "i", "aud": "a", "exp": 9})
    return ".".join(base64url(json.dumps(part).encode()) for part in parts)


def raw(encoded):
    """The RSA signature of an encoded message, whatever the encoding."""
    assert len(encoded) == SIZE, len(encoded)
    return pow(int.from_bytes(encoded), NUMBERS.d, MODULUS).to_bytes(SIZE)


def rsa_token(algorithm, encode):
    signed = unsigned(algorithm, "rsa")
    return f"{signed}.{base64url(raw(encode(signed.encode())))}"


def padded(content, first=b"\0\1", fill=b"\xff", end=b"\0"):
    """PKCS #1 v1.5 padding of type 1, or a variant of it."""
    available = SIZE - len(first) - len(end) - len(content)
    return first + fill * available + end + content


def sha256(message):
    return hashlib.sha256(message).digest()


PKCS1 = {
    "a digest without its algorithm": lambda m: padded(sha256(m)),
    "an algorithm without its NULL": lambda m: padded(WITHOUT_NULL + sha256(m)),
    "a length in a longer form": lambda m: padded(LONG_LENGTH + sha256(m)),
    "extra algorithm parameters": lambda m: padded(EXTRA_PARAMETERS + sha256(m)),
    "another hash": lambda m: padded(SHA1_ID + hashlib.sha1(m).digest()),
    "another hash under this one's name": lambda m: padded(SHA256_ID + hashlib.sha3_256(m).digest()),
    "a truncated digest": lambda m: padded(SHA256_ID + sha256(m)[:20]),
    "bytes after the digest": lambda m: padded(SHA256_ID + sha256(m) + b"\0" * 8),
    "a short padding and trailing bytes": lambda m: (
        b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_ID + sha256(m) + b"\x5a" * 194
    ),
    "a padding of zeros": lambda m: padded(SHA256_ID + sha256(m), fill=b"\0"),
    "a padding of other bytes": lambda m: padded(SHA256_ID + sha256(m), fill=b"\xfe"),
    "the type for encryption": lambda m: padded(SHA256_ID + sha256(m), first=b"\0\2"),
    "the type of zeros": lambda m: padded(SHA256_ID + sha256(m), first=b"\0\0"),
    "no zero after the padding": lambda m: padded(SHA256_ID + sha256(m), end=b""),
    "two zeros after the padding": lambda m: padded(SHA256_ID + sha256(m), end=b"\0\0"),
    "the padding of PSS": lambda m: pss(sha256(m), b"s" * 32),
}


def mask(seed, length, name):
    blocks = (hashlib.new(name, seed + block.to_bytes(4)).digest() for block in range(length // 20 + 1))
    return b"".join(blocks)[:length]


def pss(digest, salt, mask_hash="sha256", first=1, end=0xBC):
    """The PSS encoding of RFC 8017 §9.1.1 for a modulus of 2048 bits, or a variant of it."""
    hashed = sha256(b"\0" * 8 + digest + salt)
    block = b"\0" * (SIZE - len(salt) - 34) + bytes([first]) + salt
    masked = bytearray(a ^ b for a, b in zip(block, mask(hashed, len(block), mask_hash), strict=True))
    masked[0] &= 0x7F
    return bytes(masked) + hashed + bytes([end])


PSS = {
    "no salt": lambda m: pss(sha256(m), b""),
    "a shorter salt": lambda m: pss(sha256(m), b"s" * 20),
    "a longer salt": lambda m: pss(sha256(m), b"s" * 33),
    "the longest salt": lambda m: pss(sha256(m), b"s" * 222),
    "another mask": lambda m: pss(sha256(m), b"s" * 32, mask_hash="sha1"),
    "another byte before the salt": lambda m: pss(sha256(m), b"s" * 32, first=2),
    "another last byte": lambda m: pss(sha256(m), b"s" * 32, end=0xCC),
    "another hash": lambda m: pss(hashlib.sha1(m).digest(), b"s" * 32),
    "the padding of PKCS #1 v1.5": lambda m: padded(SHA256_ID + sha256(m)),
}


def test_correct_encodings_are_valid(judge):
    assert judge(rsa_token("RS256", lambda m: padded(SHA256_ID + sha256(m)))) == VALID
    assert judge(rsa_token("PS256", lambda m: pss(sha256(m), b"s" * 32))) == VALID


@pytest.mark.parametrize("form", PKCS1)
def test_another_padding_is_refused(form, judge):
    assert judge(rsa_token("RS256", PKCS1[form])) == "signature_invalid"


@pytest.mark.parametrize("form", PSS)
def test_another_form_of_pss_is_refused(form, judge):
    assert judge(rsa_token("PS256", PSS[form])) == "signature_invalid"


def test_a_signature_plus_the_modulus_is_refused(judge):
    signed = unsigned("RS256", "rsa")
    good = int.from_bytes(raw(padded(SHA256_ID + sha256(signed.encode()))))
    assert judge(f"{signed}.{base64url((good + MODULUS).to_bytes(SIZE + 1))}") == "signature_invalid"


def test_both_forms_of_an_ecdsa_signature_are_valid(judge):
    """Both s and -s are valid, and RFC 7518 requires neither. The gateway never identifies a token by its bytes."""
    signed = unsigned("ES256", "ec")
    r, s = utils.decode_dss_signature(EC.sign(signed.encode(), ec.ECDSA(SHA256())))
    for form in (s, int(CURVE_ORDERS["ES256"], 16) - s):
        assert judge(f"{signed}.{base64url(r.to_bytes(32) + form.to_bytes(32))}") == VALID


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_never_used_as_an_hmac_secret(algorithm, judge):
    """The public key is tried as the secret in every form that some library has accepted."""
    public = RSA.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        MODULUS.to_bytes(SIZE),
        b"",
    ]
    signed = unsigned(algorithm, "rsa")
    for secret in forms:
        signature = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
        assert judge(f"{signed}.{base64url(signature)}") == "algorithm_not_allowed"
