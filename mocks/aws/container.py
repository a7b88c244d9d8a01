"""The credentials endpoint of containers, as ECS tasks and EKS pods (Pod Identity) use it."""

from __future__ import annotations

import ssl

from aiohttp import web

from .credential import AwsCredential
from .endpoint import CredentialEndpoint

PATH = "/v1/credentials"


class ContainerCredentials(CredentialEndpoint):
    """`GET` of `uri` with `Authorization: <authorization_token>`, or without it if `None`. The endpoint is "credentials"."""

    def __init__(
        self,
        credential: AwsCredential | None = None,
        *,
        authorization_token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(credential, host=host, port=port, ssl_context=ssl_context)
        self.authorization_token = authorization_token

    @property
    def uri(self) -> str:
        """The value of `AWS_CONTAINER_CREDENTIALS_FULL_URI`."""
        return self.url + PATH

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._credentials)]

    async def _credentials(self, request: web.Request) -> web.StreamResponse:
        if self.authorization_token not in (None, request.headers.get("authorization")):
            refusal = {"code": "AccessDeniedException", "message": "The authorization token is missing or wrong."}
            response = web.json_response(refusal, status=401)
        else:
            response = web.json_response(self.document())
        return await self.answer(request, "credentials", response)
