"""examples/kubernetes: its files are consistent, and a changed ConfigMap is reloaded."""

import http.client
import json
import os

import pytest
import yaml

from support.client import OPENAI, ask, wait_until
from support.gateway_config import configuration
from tools.gateway import PROJECT, Gateway, free_port

EXAMPLE = PROJECT / "examples" / "kubernetes"


class ConfigMapGateway(Gateway):
    """A gateway with filter.yaml in a ConfigMap volume: a link through `..data`, which the kubelet replaces by renaming."""

    versions = 0

    def _write_filter(self, configuration):
        volume = self.filter_file.parent
        self.versions += 1
        current = volume / f"..version_{self.versions}"
        current.mkdir(parents=True)
        self.filter_file = current / "filter.yaml"
        super()._write_filter(configuration)
        (volume / "..data_tmp").symlink_to(current.name)
        (volume / "..data_tmp").rename(volume / "..data")
        self.filter_file = volume / "filter.yaml"
        if not self.filter_file.is_symlink():
            self.filter_file.symlink_to("..data/filter.yaml")


def test_a_swapped_config_map_is_read(world, token, tmp_path):
    whole = configuration(world)
    without = whole | {"providers": [one for one in whole["providers"] if one["name"] != OPENAI.provider]}
    with ConfigMapGateway(tmp_path, os.environ["ENVOY"]) as gateway:
        gateway.start(without)
        assert ask(gateway, OPENAI, token).status == 404
        assert gateway.configure(whole)
        wait_until(lambda: ask(gateway, OPENAI, token).status == 200)
        assert not gateway.configure({"providers": []})
        assert ask(gateway, OPENAI, token).status == 200


def test_a_pod_is_ready_once_the_filter_is_loaded(world, tmp_path):
    """If the configuration is refused, Envoy starts without the filter and answers everything with 503."""
    port = free_port()

    def edit_bootstrap(bootstrap):
        listener, cluster = (
            yaml.safe_load((PROJECT / "envoy" / "image" / f"ready-{part}.yaml").read_text())[0]
            for part in ("listener", "cluster")
        )
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = bootstrap["admin"][
            "address"
        ]
        bootstrap["static_resources"]["listeners"].append(listener)
        bootstrap["static_resources"]["clusters"].append(cluster)

    def ready():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/ready")
        return connection.getresponse().status

    with Gateway(tmp_path, os.environ["ENVOY"], edit_bootstrap=edit_bootstrap) as gateway:
        gateway.start({"providers": []}, may_be_refused=True)
        assert ready() == 503
        assert gateway.configure(configuration(world))
        assert ready() == 200
        assert not gateway.configure({"providers": []})
        assert ready() == 200


@pytest.fixture
def pod():
    """The specification of the pod."""
    return yaml.safe_load((EXAMPLE / "deployment.yaml").read_text())["spec"]["template"]["spec"]


def test_its_filter_file_is_the_shipped_one_without_one_provider(start_gateway, monkeypatch):
    ours, shipped = (
        yaml.safe_load(file.read_text())["resources"][0]["typed_config"]["config"]
        for file in (EXAMPLE / "filter.yaml", PROJECT / "envoy" / "filter.yaml")
    )
    taken = json.loads(ours.pop("configuration")["value"])
    del shipped["configuration"]
    assert ours["vm_config"]["environment_variables"].pop("host_env_keys") == ["OPENAI_API_KEY"]
    del shipped["vm_config"]["environment_variables"]["host_env_keys"]
    assert ours == shipped
    monkeypatch.setenv("OPENAI_API_KEY", "mock-key")
    start_gateway(taken).stop()


def test_the_pod_matches_the_image(pod):
    image = (PROJECT / "envoy" / "image" / "gateway.Dockerfile").read_text()
    (container,) = pod["containers"]
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in image
    assert "EXPOSE " + " ".join(str(port["containerPort"]) for port in container["ports"]) + "\n" in image
    assert container["securityContext"]["readOnlyRootFilesystem"]
    (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
    (generated,) = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["configMapGenerator"]
    assert volume["configMap"]["name"] == generated["name"]
    assert f"COPY envoy/filter.yaml {mount['mountPath']}/filter.yaml\n" in image
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"]
