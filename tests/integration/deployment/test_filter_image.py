"""`make image` writes an OCI image with one layer, plugin.wasm, as Istio and Envoy Gateway load it."""

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from tools import image

PACKAGE = {"version": "1.2.3", "description": "A filter", "license": "Apache-2.0"}
WASM = b"\0asm\1\0\0\0"


def files(archive):
    """The files of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {entry.name: opened.extractfile(entry).read() for entry in opened}


@pytest.fixture
def written():
    return files(image.archive(WASM, PACKAGE))


@pytest.fixture
def blob(written):
    """Read the blob of a descriptor, after checking its size and digest."""

    def read(descriptor):
        data = written["blobs/" + descriptor["digest"].replace(":", "/")]
        assert (descriptor["digest"], descriptor["size"]) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
        return data

    return read


def test_its_only_layer_is_the_filter(written, blob):
    (reference,) = json.loads(written["index.json"])["manifests"]
    manifest = json.loads(blob(reference))
    config = json.loads(blob(manifest["config"]))
    (layer,) = manifest["layers"]
    unpacked = gzip.decompress(blob(layer))
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert files(unpacked) == {"plugin.wasm": WASM}
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(unpacked).hexdigest()]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == "1.2.3"


def test_docker_finds_the_same_blobs(written):
    (entry,) = json.loads(written["manifest.json"])
    assert entry["RepoTags"] == ["ai-gateway-filter:1.2.3"]
    assert {entry["Config"], *entry["Layers"]} <= set(written)


def test_equal_filters_give_equal_bytes():
    assert image.archive(WASM, PACKAGE) == image.archive(WASM, PACKAGE)
