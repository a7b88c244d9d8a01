"""An OIDC identity provider for machines: discovery, key set and the client_credentials grant.

OpenID Connect Discovery 1.0, RFC 7517 and RFC 6749 §4.4. It has no users, sessions, id tokens or refresh tokens.
"""

from __future__ import annotations

import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .client_credentials import Client, GrantError, grant
from .faults import Fault
from .keys import SigningKey
from .server import BackgroundServer

LIFETIME_HEADER = "x-mock-token-lifetime"


class IdentityProvider(BackgroundServer):
    """Issues tokens over HTTP, and directly to tests with `mint`.

    `keys` are the published keys. The last one signs. `fault` and `hits` are keyed by endpoint: "discovery", "jwks" and
    "token". All of these, `clients` and `token_lifetime_s` may be changed while it runs. A token request may ask for
    another lifetime with the header `x-mock-token-lifetime: 30`, in seconds. Documents use the address of the request for
    their URLs.
    """

    def __init__(
        self,
        clients: Mapping[str, Client],
        *,
        issuer: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self._application, host=host, port=port, ssl_context=ssl_context)
        self.clients = dict(clients)
        self.token_lifetime_s = 3600
        self.keys = [SigningKey.generate()]
        self.fault: dict[str, Fault] = {}
        self.hits: Counter[str] = Counter()
        self._issuer = issuer

    @property
    def issuer(self) -> str:
        """The issuer URL, which is its own address unless another one was given."""
        return self.url if self._issuer is None else self._issuer

    @property
    def jwks_uri(self) -> str:
        """The URL of the key set at its own address."""
        return self.url + self._prefix() + "/.well-known/jwks.json"

    def jwks(self) -> dict[str, Any]:
        """The published key set."""
        return {"keys": [key.jwk() for key in self.keys]}

    def rotate(self, alg: str = "RS256", *, drop_old: bool = False) -> SigningKey:
        """Add a key that signs from now on, and optionally stop publishing the others."""
        key = SigningKey.generate(alg)
        self.keys = [key] if drop_old else [*self.keys, key]
        return key

    def claims(self, client_id: str | None = None, audience: str | None = None) -> dict[str, Any]:
        """The claims of a good token for this client. Defaults to the first client and its first audience."""
        client_id = client_id or next(iter(self.clients))
        client = self.clients[client_id]
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": client_id,
            "aud": audience or client.audiences[0],
            "iat": now,
            "exp": now + self.token_lifetime_s,
            "jti": secrets.token_hex(16),
            **client.claims,
        }

    def mint(
        self,
        claims_overrides: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
        header: Mapping[str, Any] | None = None,
        omit: Sequence[str] = (),
        *,
        client_id: str | None = None,
    ) -> str:
        """A token like those of the endpoint, with other claims, another key or another header as given.

        `None` removes a member of `header`. Among the claims it is JSON's null, and `omit` removes members.
        """
        claims = {**self.claims(client_id), **(claims_overrides or {})}
        kept = {name: value for name, value in claims.items() if name not in omit}
        return (key or self.keys[-1]).sign(kept, header)

    def _prefix(self) -> str:
        return urlsplit(self.issuer).path.rstrip("/")

    def _application(self) -> web.Application:
        prefix = self._prefix()
        app = web.Application()
        app.add_routes(
            [
                web.get(prefix + "/.well-known/openid-configuration", self._discovery),
                web.get(prefix + "/.well-known/jwks.json", self._jwks),
                web.post(prefix + "/oauth/token", self._token),
            ]
        )
        return app

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        endpoints = f"{request.scheme}://{request.host}{self._prefix()}"
        document = {
            "issuer": self.issuer,
            "token_endpoint": endpoints + "/oauth/token",
            "jwks_uri": endpoints + "/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.alg for key in self.keys}),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return await self._answer(request, "discovery", document)

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "jwks", self.jwks())

    async def _token(self, request: web.Request) -> web.StreamResponse:
        headers = {"cache-control": "no-store", "pragma": "no-cache"}
        authorization = request.headers.get("authorization")
        try:
            client_id, audience = grant(self.clients, authorization, request.content_type, await request.read())
        except GrantError as error:
            if error.status == 401:
                headers["www-authenticate"] = 'Basic realm="mock identity provider"'
            refusal = {"error": error.code, "error_description": error.description}
            return await self._answer(request, "token", refusal, error.status, headers)
        claims = self.claims(client_id, audience)
        if LIFETIME_HEADER in request.headers:
            claims["exp"] = claims["iat"] + int(request.headers[LIFETIME_HEADER])
        document = {
            "access_token": self.keys[-1].sign(claims),
            "token_type": "Bearer",
            "expires_in": claims["exp"] - claims["iat"],
        }
        return await self._answer(request, "token", document, headers=headers)

    async def _answer(
        self,
        request: web.Request,
        endpoint: str,
        document: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        self.hits[endpoint] += 1
        fault = self.fault.get(endpoint)
        if fault is not None and fault.strikes(self.hits[endpoint]):
            return await fault.respond(request, json.dumps(document).encode())
        return web.json_response(document, status=status, headers=headers)
