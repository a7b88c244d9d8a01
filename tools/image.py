"""`make image`: the filter as an OCI image, in the format from which Istio and Envoy Gateway load Wasm filters.

The image has one layer with the file plugin.wasm. The archive, dist/ai-gateway-filter.tar, is an OCI layout that
`docker load` reads as well. It is made without Docker, and equal filters give equal bytes. The filter itself and its
SHA-256 are written next to it, for loading from a file or over HTTP.
"""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DIST = PROJECT / "dist"
WASM = PROJECT / "ai_gateway_filter.wasm"
NAME = "ai-gateway-filter"


def main():
    package = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]
    wasm = WASM.read_bytes()
    DIST.mkdir(exist_ok=True)
    (DIST / f"{NAME}.tar").write_bytes(archive(wasm, package))
    shutil.copyfile(WASM, DIST / WASM.name)
    (DIST / f"{WASM.name}.sha256").write_text(f"{sha256(wasm)}  {WASM.name}\n")
    for file in sorted(DIST.iterdir()):
        print(f"dist/{file.name}: {file.stat().st_size} bytes")


def archive(wasm, package):
    """The image as an OCI layout (image-spec v1.1), with the manifest.json of `docker save`."""
    layer = tar({"plugin.wasm": wasm})
    packed = gzip.compress(layer, mtime=0)
    labels = {
        "org.opencontainers.image.title": package["description"],
        "org.opencontainers.image.version": package["version"],
        "org.opencontainers.image.licenses": package["license"],
    }
    config = as_json(
        {
            "architecture": "amd64",  # of no meaning for Wasm, but every reader wants one
            "os": "linux",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}"]},
        }
    )
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("application/vnd.oci.image.config.v1+json", config),
            "layers": [described("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
            "annotations": labels,
        }
    )
    tag = {"org.opencontainers.image.ref.name": package["version"]}
    reference = described("application/vnd.oci.image.manifest.v1+json", manifest) | {"annotations": tag}
    return tar(
        {
            "oci-layout": as_json({"imageLayoutVersion": "1.0.0"}),
            "index.json": as_json({"schemaVersion": 2, "manifests": [reference]}),
            "manifest.json": as_json(
                [{"Config": blob(config), "RepoTags": [f"{NAME}:{package['version']}"], "Layers": [blob(packed)]}]
            ),
            blob(config): config,
            blob(manifest): manifest,
            blob(packed): packed,
        }
    )


def tar(files):
    """A tar archive of these files without times and owners."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as written:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            written.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def described(media_type, data):
    return {"mediaType": media_type, "digest": f"sha256:{sha256(data)}", "size": len(data)}


def blob(data):
    return f"blobs/sha256/{sha256(data)}"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def as_json(value):
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
