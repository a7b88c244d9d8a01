"""Writes independent.json: one token for each accepted algorithm, signed with Python's `cryptography` (OpenSSL).

    python3 tests/vectors/jws/make_independent.py > tests/vectors/jws/independent.json

The keys are generated in each run. Only their public halves are written.
"""

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

# As short as possible, so that a test can flip every bit.
CLAIMS = b'{"iss":"i","aud":"a","exp":9}'
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int) -> bytes:
    return value.to_bytes(length, "big")


def rsa_signer(name: str):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": base64url(number(public.n, 256)), "e": base64url(number(public.e, 3))}
    digest = HASHES[name[2:]]
    if name.startswith("RS"):
        scheme = padding.PKCS1v15()
    else:
        scheme = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
    return jwk, lambda signed: key.sign(signed, scheme, digest)


def ec_signer(name: str):
    curve, crv, length = {"ES256": (ec.SECP256R1(), "P-256", 32), "ES384": (ec.SECP384R1(), "P-384", 48)}[name]
    key = ec.generate_private_key(curve)
    public = key.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": crv,
        "x": base64url(number(public.x, length)),
        "y": base64url(number(public.y, length)),
    }

    def sign(signed: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(HASHES[name[2:]])))
        return number(r, length) + number(s, length)

    return jwk, sign


def ed25519_signer(_: str):
    key = ed25519.Ed25519PrivateKey.generate()
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes_raw())}, key.sign


def vector(name: str) -> dict:
    signer = {"R": rsa_signer, "P": rsa_signer, "E": ec_signer}[name[0]] if name != "EdDSA" else ed25519_signer
    jwk, sign = signer(name)
    header = json.dumps({"alg": name}, separators=(",", ":")).encode()
    signed = f"{base64url(header)}.{base64url(CLAIMS)}"
    return {
        "source": "Python cryptography",
        "algorithm": name,
        "jwk": jwk,
        "jws": f"{signed}.{base64url(sign(signed.encode()))}",
    }


NAMES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
print(json.dumps([vector(name) for name in NAMES], indent=2))
