"""AWS credentials and their formats."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class AwsCredential:
    """An access key. A temporary one has a session token, which is required for its use."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def generate(cls, *, temporary: bool = True) -> Self:
        """A new credential in Amazon's format. Key ids begin with AKIA, and those of temporary keys with ASIA."""
        key_id = ("ASIA" if temporary else "AKIA") + secrets.token_hex(8).upper()
        # Real secrets and tokens contain the Base64 characters that URLs and forms must encode, so these do as well.
        token = f"IQoJ/{secrets.token_urlsafe(300)}+==" if temporary else None
        return cls(key_id, f"mock/{secrets.token_hex(16)}+A", token)


def timestamp(in_s: float = 0.0) -> str:
    """The time in `in_s` seconds in AWS's format: ISO 8601, UTC, without fractions."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + in_s))
