"""The credentials part of EC2's instance metadata service, version 2, which requires a session token."""

from __future__ import annotations

import secrets
import ssl
import time

from aiohttp import web

from .credential import AwsCredential, timestamp
from .endpoint import CredentialEndpoint

TOKEN_PATH = "/latest/api/token"
ROLES_PATH = "/latest/meta-data/iam/security-credentials"
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "x-aws-ec2-metadata-token"
MAX_TTL_S = 6 * 3600


class InstanceMetadata(CredentialEndpoint):
    """Serves a session token, the name of the instance's role, and its credentials.

    The endpoints are "token", "role" and "credentials". If `role` is `None`, the instance has no role. `tokens` are the
    session tokens with their expirations, and may be cleared.
    """

    def __init__(
        self,
        credential: AwsCredential | None = None,
        *,
        role: str | None = "mock-instance-role",
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(credential, host=host, port=port, ssl_context=ssl_context)
        self.role = role
        self.tokens: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put(TOKEN_PATH, self._token),
            web.get(ROLES_PATH, self._role),
            web.get(ROLES_PATH + "/", self._role),
            web.get(ROLES_PATH + "/{role}", self._credentials),
        ]

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request, "token", self._new_token(request))

    async def _role(self, request: web.Request) -> web.StreamResponse:
        if not self._has_token(request):
            return await self.answer(request, "role", _status(401))
        known = self.role is not None
        return await self.answer(request, "role", web.Response(text=self.role) if known else _status(404))

    async def _credentials(self, request: web.Request) -> web.StreamResponse:
        if not self._has_token(request):
            return await self.answer(request, "credentials", _status(401))
        if request.match_info["role"] != self.role:
            return await self.answer(request, "credentials", _status(404))
        document = {"Code": "Success", "LastUpdated": timestamp(), "Type": "AWS-HMAC", **self.document()}
        return await self.answer(request, "credentials", web.json_response(document, content_type="text/plain"))

    def _new_token(self, request: web.Request) -> web.Response:
        ttl = request.headers.get(TTL_HEADER, "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= MAX_TTL_S:
            return _status(400)
        if "x-forwarded-for" in request.headers:
            return _status(403)  # the service refuses requests that came through a proxy
        token = secrets.token_urlsafe(40) + "=="
        self.tokens[token] = time.monotonic() + int(ttl)
        return web.Response(text=token, headers={TTL_HEADER: ttl})

    def _has_token(self, request: web.Request) -> bool:
        end = self.tokens.get(request.headers.get(TOKEN_HEADER, ""))
        return end is not None and time.monotonic() < end


def _status(status: int) -> web.Response:
    response = web.Response(status=status, content_type="text/html")
    reason = f"{status} - {response.reason}"
    response.text = f"<html><head><title>{reason}</title></head><body><h1>{reason}</h1></body></html>"
    return response
