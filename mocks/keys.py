"""Signing keys and compact JWS (RFC 7515, RFC 7517, RFC 7518, RFC 8037).

Made for tests. Headers, claims and keys are not validated, so invalid tokens are as easy to make as valid ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey

HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
}


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: Mapping[str, Any], claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """The compact serialization of a JWS. `sign` turns the signing input into the signature.

    `claims` is any JSON value, or `bytes` to use unchanged.
    """
    payload = claims if isinstance(claims, bytes) else _json(claims)
    signing_input = f"{base64url(_json(header))}.{base64url(payload)}"
    return f"{signing_input}.{base64url(sign(signing_input.encode()))}"


@dataclass(frozen=True)
class SigningKey:
    """A private key bound to one algorithm."""

    alg: str
    kid: str
    private: PrivateKey

    @classmethod
    def generate(cls, alg: str = "RS256", kid: str | None = None, *, bits: int = 2048) -> Self:
        """A new key for RS*, PS* (with `bits`), ES256, ES384 or EdDSA. `kid` is random unless given."""
        private: PrivateKey
        if alg[:2] in ("RS", "PS") and alg[2:] in HASHES:
            private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        elif alg in CURVES:
            private = ec.generate_private_key(CURVES[alg][1])
        elif alg == "EdDSA":
            private = Ed25519PrivateKey.generate()
        else:
            raise ValueError(f"no signing key for algorithm {alg!r}")
        return cls(alg, kid or secrets.token_hex(8), private)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The RS256 key of an unencrypted PEM. Its `kid` is derived from the key, so that all holders of the key agree on it."""
        private = load_pem_private_key(pem, password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls("RS256", hashlib.sha256(public).hexdigest()[:16], private)

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public key as a JWK. `members` replace the default ones, and `None` removes one."""
        usual = {"kid": self.kid, "use": "sig", "alg": self.alg, **self._public_members()}
        return _merge(usual, members)

    def public_pem(self) -> bytes:
        """The public key as PEM, which attackers try as an HMAC secret."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Any, header: Mapping[str, Any] | None = None) -> str:
        """A signed token. `header` members replace the default ones, and `None` removes one."""
        usual = {"alg": self.alg, "typ": "JWT", "kid": self.kid}
        return compact(_merge(usual, header or {}), claims, self.signature)

    def signature(self, message: bytes) -> bytes:
        """The JWS signature of `message`. For ECDSA that is r and s concatenated (RFC 7518 §3.4), not DER."""
        private = self.private
        if isinstance(private, Ed25519PrivateKey):
            return private.sign(message)
        digest = HASHES[self.alg[2:]]
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
            size = _coordinate_size(private)
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.alg.startswith("PS"):
            return private.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return private.sign(message, padding.PKCS1v15(), digest)

    def _public_members(self) -> dict[str, str]:
        private = self.private
        if isinstance(private, Ed25519PrivateKey):
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url(private.public_key().public_bytes_raw())}
        if isinstance(private, ec.EllipticCurvePrivateKey):
            point, size = private.public_key().public_numbers(), _coordinate_size(private)
            return {
                "kty": "EC",
                "crv": CURVES[self.alg][0],
                "x": base64url(point.x.to_bytes(size, "big")),
                "y": base64url(point.y.to_bytes(size, "big")),
            }
        numbers = private.public_key().public_numbers()
        return {"kty": "RSA", "n": _base64url_uint(numbers.n), "e": _base64url_uint(numbers.e)}


def _merge(usual: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _coordinate_size(private: ec.EllipticCurvePrivateKey) -> int:
    return (private.curve.key_size + 7) // 8


def _base64url_uint(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
