"""Google's files API: resumable uploads, and the uploaded files.

An upload starts with metadata. The response has an absolute URL for the bytes, with the host of the request. Anyone who
knows this URL may send the bytes, because the service requires no key for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .provider import BODY, ProviderError

PATH = "/upload/{version:v1beta|v1}/files"
CHUNK_GRANULARITY = 262144
MADE = "2026-01-01T00:00:00.000000Z"
GONE = "2026-01-03T00:00:00.000000Z"


@dataclass
class Upload:
    """An upload in progress."""

    version: str
    metadata: dict[str, Any]
    mime_type: str
    size: int
    content: bytearray = field(default_factory=bytearray)


class Files:
    """The uploaded files and the uploads in progress."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}
        self._files: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        one = "/{version:v1beta|v1}/files/{id}"
        return [
            web.post(PATH, self._upload),
            web.put(PATH, self._upload),
            web.get("/{version:v1beta|v1}/files", self._list),
            web.get(one, self._get),
            web.delete(one, self._delete),
        ]

    @staticmethod
    def is_continuation(request: web.Request) -> bool:
        """Whether a request continues an upload, which needs only the upload's URL."""
        return request.path.startswith("/upload/") and "upload_id" in request.query

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if self.is_continuation(request):
            return self._take(request)
        headers = request.headers
        if headers.get("x-goog-upload-protocol") != "resumable" or headers.get("x-goog-upload-command") != "start":
            raise ProviderError(400, "Invalid or missing upload headers.")
        metadata = json.loads(request[BODY] or b"{}").get("file", {})
        upload_id = secrets.token_urlsafe(24)
        self._uploads[upload_id] = Upload(
            request.match_info["version"],
            metadata,
            headers.get("x-goog-upload-header-content-type", "application/octet-stream"),
            int(headers["x-goog-upload-header-content-length"]),
        )
        url = f"{request.url.origin()}{request.path}?upload_id={upload_id}&upload_protocol=resumable"
        return web.Response(
            headers={
                "x-goog-upload-status": "active",
                "x-goog-upload-url": url,
                "x-goog-upload-control-url": url,
                "x-goog-upload-chunk-granularity": str(CHUNK_GRANULARITY),
            }
        )

    def _take(self, request: web.Request) -> web.StreamResponse:
        upload = self._uploads.get(request.query["upload_id"])
        if upload is None:
            raise ProviderError(404, "Upload not found.")
        commands = [word.strip() for word in request.headers.get("x-goog-upload-command", "").split(",")]
        if commands == ["query"]:
            return _status("active", {"x-goog-upload-size-received": str(len(upload.content))})
        if request.headers.get("x-goog-upload-offset") != str(len(upload.content)) or "upload" not in commands:
            raise ProviderError(400, "Invalid upload command or offset.")
        upload.content += request[BODY]
        if "finalize" not in commands:
            return _status("active")
        del self._uploads[request.query["upload_id"]]
        if len(upload.content) != upload.size:
            raise ProviderError(400, "The size differs from the one that was announced.")
        file = _file(request, upload)
        self._files[file["name"]] = file
        return _status("final", document={"file": file})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"files": list(self._files.values())})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._named(request))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        del self._files[self._named(request)["name"]]
        return web.json_response({})

    def _named(self, request: web.Request) -> dict[str, Any]:
        file = self._files.get(f"files/{request.match_info['id']}")
        if file is None:
            raise ProviderError(403, "You do not have permission to access the File, or it may not exist.")
        return file


def _status(status: str, headers: dict[str, str] | None = None, document: Any = None) -> web.Response:
    headers = {"x-goog-upload-status": status} | (headers or {})
    return web.Response(headers=headers) if document is None else web.json_response(document, headers=headers)


def _file(request: web.Request, upload: Upload) -> dict[str, Any]:
    name = upload.metadata.get("name") or f"files/{secrets.token_hex(6)}"
    shown = {"displayName": upload.metadata["displayName"]} if "displayName" in upload.metadata else {}
    return {
        "name": name,
        **shown,
        "mimeType": upload.mime_type,
        "sizeBytes": str(upload.size),
        "createTime": MADE,
        "updateTime": MADE,
        "expirationTime": GONE,
        "sha256Hash": base64.b64encode(hashlib.sha256(upload.content).hexdigest().encode()).decode(),
        "uri": f"{request.url.origin()}/{upload.version}/{name}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
