"""The Security Token Service: `AssumeRole` in AWS's query protocol."""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from .credential import AwsCredential, timestamp
from .endpoint import CredentialEndpoint
from .signature import SignatureError, SignatureJudge
from .verifier import SigV4Verifier

ACCOUNT = "123456789012"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mock-bedrock-role"
VERSION = "2011-06-15"
NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
MIN_DURATION_S = 900
DEFAULT_DURATION_S = 3600

QUERY_CODES = {
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ValidationException": "ValidationError",
}
"""The query protocol's names of the JSON services' error codes."""


@dataclass(frozen=True)
class Role:
    """A role that may be assumed. If it has an `external_id`, the caller must send it. Otherwise one is ignored."""

    external_id: str | None = None
    max_duration_s: int = 3600


class SecurityTokenService(CredentialEndpoint):
    """Serves `GET /` and `POST /` for callers with one of `judge.credentials`. The endpoint is "assume_role".

    Returns `credential`. It expires `lifetime_s` after the response, or if that is `None`, after the time that the caller
    requested. The parameters of each request are in `requested`.
    """

    def __init__(
        self,
        callers: Iterable[AwsCredential],
        *,
        roles: Mapping[str, Role] | None = None,
        credential: AwsCredential | None = None,
        region: str = "us-east-1",
        verifier: SigV4Verifier | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(credential, host=host, port=port, ssl_context=ssl_context)
        self.judge = SignatureJudge(callers, region=region, service="sts", verifier=verifier)
        self.roles = dict(roles or {ROLE_ARN: Role()})
        self.lifetime_s = None
        self.requested: list[dict[str, str]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._assume_role), web.post("/", self._assume_role)]

    async def _assume_role(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
            self.judge.judge(request, body)
            response = _xml("AssumeRoleResponse", {"AssumeRoleResult": self._assume(request, body), **_metadata()})
        except SignatureError as error:
            refusal = {"Type": "Sender", "Code": QUERY_CODES.get(error.code, error.code), "Message": error.message}
            response = _xml("ErrorResponse", {"Error": refusal, "RequestId": secrets.token_hex(16)}, error.status)
        return await self.answer(request, "assume_role", response)

    def _assume(self, request: web.Request, body: bytes) -> dict[str, Any]:
        if request.method == "GET":
            form = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        elif request.content_type == "application/x-www-form-urlencoded":
            form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        else:
            raise SignatureError("InvalidAction", "The body is not a form.", 400)
        self.requested.append(form)
        if (form.get("Action"), form.get("Version")) != ("AssumeRole", VERSION):
            raise SignatureError("InvalidAction", f"Could not find operation for version {VERSION}", 400)
        arn, session = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        if not SESSION_NAME.fullmatch(session):
            raise SignatureError("ValidationError", f"Value '{session}' at 'roleSessionName' is not valid", 400)
        role = self.roles.get(arn)
        if role is None or role.external_id not in (None, form.get("ExternalId")):
            raise SignatureError("AccessDenied", f"The caller may not perform: sts:AssumeRole on resource: {arn}")
        duration_s = _duration_s(form, role)
        return {
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROAMOCKROLE:{session}",
                "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{arn.rpartition('/')[2]}/{session}",
            },
            "Credentials": {
                "AccessKeyId": self.credential.access_key_id,
                "SecretAccessKey": self.credential.secret_access_key,
                "SessionToken": self.credential.session_token or "",
                "Expiration": timestamp(duration_s if self.lifetime_s is None else self.lifetime_s),
            },
        }


def _duration_s(form: Mapping[str, str], role: Role) -> int:
    text = form.get("DurationSeconds", str(DEFAULT_DURATION_S))
    if not text.isdecimal() or int(text) < MIN_DURATION_S:
        raise SignatureError("ValidationError", f"Value '{text}' at 'durationSeconds' is not valid", 400)
    if int(text) > role.max_duration_s:
        message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise SignatureError("ValidationError", message, 400)
    return int(text)


def _metadata() -> dict[str, Any]:
    return {"ResponseMetadata": {"RequestId": secrets.token_hex(16)}}


def _xml(root: str, members: Mapping[str, Any], status: int = 200) -> web.Response:
    text = f'<{root} xmlns="{NAMESPACE}">{_elements(members)}\n</{root}>\n'
    return web.Response(text=text, status=status, content_type="text/xml")


def _elements(members: Mapping[str, Any], depth: int = 1) -> str:
    indent = "\n" + "  " * depth
    return "".join(
        f"{indent}<{name}>{_elements(value, depth + 1)}{indent}</{name}>"
        if isinstance(value, Mapping)
        else f"{indent}<{name}>{escape(value)}</{name}>"
        for name, value in members.items()
    )
