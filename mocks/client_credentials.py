"""The client_credentials grant: client authentication and audience (RFC 6749 §2.3, §4.4).

Only evaluates requests. The identity provider makes the tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Client:
    """A registered client: its secret, the audiences of its tokens (the first is the default), and additional claims."""

    secret: str
    audiences: Sequence[str]
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class GrantError(Exception):
    """An error response (RFC 6749 §5.2)."""

    code: str
    description: str
    status: int = 400


def grant(clients: Mapping[str, Client], authorization: str | None, content_type: str, body: bytes) -> tuple[str, str]:
    """The id of the authenticated client and the granted audience. Raises `GrantError`."""
    form = _form(content_type, body)
    if "grant_type" not in form:
        raise GrantError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise GrantError("unsupported_grant_type", "only client_credentials is supported")
    client_id, secret = _credentials(authorization, form)
    client = clients.get(client_id)
    if client is None or client.secret != secret:
        raise GrantError("invalid_client", "unknown client or wrong secret", 401)
    audience = form.get("audience", client.audiences[0])
    if audience not in client.audiences:
        raise GrantError("invalid_target", f"the client may not ask for audience {audience}")
    return client_id, audience


def _form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type != FORM:
        raise GrantError("invalid_request", f"the content type must be {FORM}")
    fields = parse_qsl(body.decode(errors="replace"))
    form = dict(fields)
    if len(form) != len(fields):
        raise GrantError("invalid_request", "a parameter is repeated")
    return form


def _credentials(authorization: str | None, form: Mapping[str, str]) -> tuple[str, str]:
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise GrantError("invalid_client", "no client authentication", 401)
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise GrantError("invalid_request", "more than one way of client authentication")
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise GrantError("invalid_client", "the Authorization header does not hold Basic credentials", 401)
    return unquote_plus(client_id), unquote_plus(secret)
