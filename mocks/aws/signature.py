"""Verification of AWS Signature Version 4 on requests as received."""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from .credential import AwsCredential
from .verifier import Signable, SigV4Verifier

ALGORITHM = "AWS4-HMAC-SHA256"
AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[!#-+\-.0-9^-z|~;]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
DATE = re.compile(r"\d{8}T\d{6}Z")
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_SKEW_S = 5 * 60
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass
class SignatureError(Exception):
    """A refusal, with the error codes of Amazon's JSON services."""

    code: str
    message: str
    status: int = 403


class SignatureJudge:
    """Verifies signatures for the credentials of one service in one region.

    Without a verifier, everything except the signature itself is checked. `credentials`, `region` and `clock_offset_s`, the
    seconds by which this service's clock is ahead, may be changed at any time.
    """

    def __init__(
        self,
        credentials: Iterable[AwsCredential],
        *,
        region: str,
        service: str,
        verifier: SigV4Verifier | None = None,
    ) -> None:
        self.credentials = list(credentials)
        self.region = region
        self.service = service
        self.clock_offset_s = 0.0
        self._verifier = verifier

    def judge(self, request: web.Request, body: bytes) -> AwsCredential:
        """Return the credential that signed the request. Raises `SignatureError`."""
        scope = _parse(_text(request, "authorization"))
        date = _text(request, "x-amz-date")
        self._check_time(date, scope["date"])
        credential = self._credential(request, scope["key"])
        if scope["region"] != self.region:
            raise _invalid(f"Credential should be scoped to a valid region, not '{scope['region']}'. ")
        if scope["service"] != self.service:
            raise _invalid(f"Credential should be scoped to correct service: '{self.service}'. ")
        signed_names = scope["headers"].split(";")
        _check_signed(signed_names, request)
        digest = hashlib.sha256(body).hexdigest()
        if request.headers.get("x-amz-content-sha256", digest) != digest:
            raise _invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
        if self._verifier is not None:
            headers = [(name, value) for name in signed_names for value in _values(request, name)]
            signable = Signable(request.method, request.raw_path, headers, digest, self.region, self.service, date)
            _compare(self._verifier, signable, credential, _text(request, "authorization"))
        return credential

    def _credential(self, request: web.Request, key: str) -> AwsCredential:
        tokens = _values(request, "x-amz-security-token")
        for credential in self.credentials:
            expected = [] if credential.session_token is None else [credential.session_token]
            if credential.access_key_id == key and tokens == expected:
                return credential
        raise SignatureError("UnrecognizedClientException", "The security token included in the request is invalid.")

    def _check_time(self, date: str, scope_date: str) -> None:
        if not DATE.fullmatch(date):
            raise SignatureError("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.", 400)
        if not date.startswith(scope_date):
            raise _invalid(
                f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{scope_date}' != '{date[:8]}', from '{date}'."
            )
        try:
            signed_at = calendar.timegm(time.strptime(date, DATE_FORMAT))
        except ValueError as error:
            raise SignatureError("IncompleteSignatureException", str(error), 400) from error
        now = time.time() + self.clock_offset_s
        if signed_at < now - MAX_SKEW_S:
            earliest = _date(now - MAX_SKEW_S)
            raise _invalid(f"Signature expired: {date} is now earlier than {earliest} ({_date(now)} - 5 min.)")
        if signed_at > now + MAX_SKEW_S:
            latest = _date(now + MAX_SKEW_S)
            raise _invalid(f"Signature not yet current: {date} is still later than {latest} ({_date(now)} + 5 min.)")


def is_signed(request: web.Request) -> bool:
    """Whether the request has a signature, valid or not."""
    return any(value.startswith("AWS4-") for value in _values(request, "authorization"))


def _parse(authorization: str) -> re.Match[str]:
    match = AUTHORIZATION.fullmatch(authorization)
    if match is None:
        parts = ("Credential", "Signature", "SignedHeaders")
        missing = [f"'{part}'" for part in parts if part + "=" not in authorization]
        message = f"Authorization header requires {', '.join(missing) or 'a well-formed value'}."
        raise SignatureError("IncompleteSignatureException", message, 400)
    return match


def _check_signed(signed: list[str], request: web.Request) -> None:
    if signed != sorted(set(signed)) or any(name != name.lower() for name in signed):
        raise SignatureError("IncompleteSignatureException", "SignedHeaders must be sorted, in lower case.", 400)
    present = {name.lower() for name in request.headers}
    needed = {"host", "x-amz-date"} | {name for name in present if name.startswith("x-amz-")}
    for name in sorted(needed - set(signed)):
        raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    for name in sorted(set(signed) - present):
        raise _invalid(f"The signed header '{name}' did not arrive.")


def _compare(verifier: SigV4Verifier, signable: Signable, credential: AwsCredential, authorization: str) -> None:
    try:
        right = verifier.sign(signable, credential)
    except ValueError as error:
        raise SignatureError("ValidationException", f"AWS's signer refuses the request: {error}", 400) from error
    if not hmac.compare_digest(_parse(right.authorization)["signature"], _parse(authorization)["signature"]):
        canonical = f"The Canonical String for this request should have been\n'{right.canonical_request}'\n"
        raise _invalid(f"{MISMATCH}\n\n{canonical}")


def _values(request: web.Request, name: str) -> list[str]:
    try:
        return [value.decode() for other, value in request.raw_headers if other.lower() == name.encode()]
    except UnicodeDecodeError as error:
        raise SignatureError("ValidationException", f"The header '{name}' is not UTF-8.", 400) from error


def _text(request: web.Request, name: str) -> str:
    values = _values(request, name)
    if not values:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if len(values) > 1:
        raise SignatureError("IncompleteSignatureException", f"The header '{name}' is repeated.", 400)
    return values[0]


def _invalid(message: str) -> SignatureError:
    return SignatureError("InvalidSignatureException", message)


def _date(seconds: float) -> str:
    return time.strftime(DATE_FORMAT, time.gmtime(seconds))
