"""AWS credentials, and how endpoints write them down."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class AwsCredential:
    """An access key; a temporary one has a session token, without which it is worth nothing."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def generate(cls, *, temporary: bool = True) -> Self:
        """A new one, in the form of Amazon's: ids of comparable keys begin with AKIA, of temporary ones with ASIA."""
        key_id = ("ASIA" if temporary else "AKIA") + secrets.token_hex(8).upper()
        # The characters of Base64 that URLs and forms encode belong to a secret and a token as they are in life.
        token = f"IQoJ/{secrets.token_urlsafe(300)}+==" if temporary else None
        return cls(key_id, f"mock/{secrets.token_hex(16)}+A", token)


def timestamp(in_s: float = 0.0) -> str:
    """The time in so many seconds, as AWS writes it: ISO 8601, in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + in_s))
