"""Runs Envoy with the ai_gateway filter as a child process, for `make run` and the integration tests.

It uses the shipped configuration, envoy/bootstrap.yaml and envoy/filter.yaml, and replaces only ports, paths and the
filter's own configuration.
"""

import copy
import json
import os
import re
import socket
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from tools import children

PROJECT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 30
RELOAD_TIMEOUT_S = 30
ADMIN_TIMEOUT_S = 30  # Envoy compiles the module on the thread that serves the admin page


class GatewayError(Exception):
    """Envoy failed to start or to load a configuration. The message ends with its log."""


class Gateway:
    """One Envoy process, with its files in `directory`."""

    def __init__(
        self,
        directory,
        envoy,
        *,
        wasm=PROJECT / "ai_gateway_filter.wasm",
        port=None,
        admin_port=None,
        ca_bundle=None,
        concurrency=2,
        environment=None,
        tls=None,
        edit_bootstrap=None,
        edit_plugin=None,
        arguments=("--disable-hot-restart",),
        log_level="warning",
        component_log_levels="wasm:info",
    ):
        """`environment`: additional environment variables for Envoy, which the filter may read as well.

        `tls`: the files of a certificate and its key, for a second listener at `tls_url`.
        `arguments`: additional arguments for Envoy. `log_level`, `component_log_levels`: as Envoy accepts them.
        `edit_bootstrap`, `edit_plugin`: functions that modify the bootstrap, or the plugin part of the filter file.
        """
        self.directory = Path(directory).resolve()
        self.envoy = envoy
        self.wasm = Path(wasm).resolve()
        self.port = port or free_port()
        self.admin_port = admin_port or free_port()
        self.tls = tls
        self.edit_bootstrap = edit_bootstrap
        self.edit_plugin = edit_plugin
        self.arguments = arguments
        self.log_level = log_level
        self.component_log_levels = component_log_levels
        self.tls_port = free_port() if tls else None
        self.ca_bundle = ca_bundle
        self.concurrency = concurrency
        self.environment = environment or {}
        # In its own folder, as Envoy reloads the file whenever anything is moved into the folder.
        self.filter_file = self.directory / "filter" / "filter.yaml"
        self.log_file = self.directory / "envoy.log"
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    def start(self, configuration, may_be_refused=False):
        """Start Envoy with this filter configuration, and return once it serves. With `may_be_refused`, it may serve without the filter."""
        self._write_filter(configuration)
        bootstrap = self.directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap(), indent=2))
        command = [self.envoy, "-c", bootstrap, "--concurrency", str(self.concurrency), *self.arguments]
        command += ["--log-level", self.log_level, "--component-log-level", self.component_log_levels]
        command += ["--file-flush-interval-msec", "100"]  # the access log; by default it comes after 10 s
        self.log_file.write_bytes(b"")
        # Opened for appending, because Envoy opens the file a second time for the access log.
        with self.log_file.open("ab") as log:
            self._process = children.start(command, log, os.environ | self.environment)
        try:
            self._wait_for("Envoy to start", READY_TIMEOUT_S, self._ready)
            if self._updates()["rejected"] and not may_be_refused:
                raise GatewayError(f"Envoy refused the filter or its configuration\n{self.log()}")
        except BaseException:
            self.stop()
            raise

    def configure(self, configuration):
        """Replace the filter configuration of the running Envoy. Returns False if Envoy or the filter refused it."""
        before = self._updates()
        self._write_filter(configuration)
        self._wait_for("Envoy to read the new filter file", RELOAD_TIMEOUT_S, lambda: self._updates() != before)
        return self._updates()["rejected"] == before["rejected"]

    def stop(self):
        """Stop Envoy with SIGTERM and return its exit status, or `None` if it was not running."""
        if self._process is None:
            return None
        status = children.stop(self._process)
        self._process = None
        return status

    def running(self):
        return self._process is not None and self._process.poll() is None

    def stats(self, prefix=""):
        """Envoy's counters and gauges whose names start with `prefix`."""
        matching = urllib.parse.quote(f"^{re.escape(prefix)}")
        stats = json.loads(self._admin(f"/stats?format=json&type=All&filter={matching}"))["stats"]
        return {s["name"]: s["value"] for s in stats if "value" in s and s["name"].startswith(prefix)}

    def log(self):
        """Everything that Envoy and the filter have logged, including the access log."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _bootstrap(self):
        bootstrap = yaml.safe_load((PROJECT / "envoy" / "bootstrap.yaml").read_text())
        resources = bootstrap["static_resources"]
        bootstrap["admin"]["address"]["socket_address"]["port_value"] = self.admin_port
        listener = resources["listeners"][0]
        listener["address"]["socket_address"]["port_value"] = self.port
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        discovery = manager["http_filters"][0]["config_discovery"]["config_source"]["path_config_source"]
        discovery["path"] = str(self.filter_file)
        discovery["watched_directory"]["path"] = str(self.filter_file.parent)
        if self.ca_bundle:
            for cluster in resources["clusters"]:
                if socket := cluster.get("transport_socket"):
                    tls = socket["typed_config"]["common_tls_context"]
                    tls["validation_context"]["trusted_ca"]["filename"] = str(self.ca_bundle)
        if self.tls:
            resources["listeners"].append(self._tls_listener(listener))
        if self.edit_bootstrap:
            self.edit_bootstrap(bootstrap)
        return bootstrap

    def _tls_listener(self, listener):
        """A copy of the listener with TLS."""
        listener = copy.deepcopy(listener)
        listener["name"] += "_tls"
        listener["address"]["socket_address"]["port_value"] = self.tls_port
        certificate, key = map(str, self.tls)
        listener["filter_chains"][0]["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [
                        {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
                    ],
                },
            },
        }
        return listener

    def _write_filter(self, configuration):
        document = yaml.safe_load((PROJECT / "envoy" / "filter.yaml").read_text())
        plugin = document["resources"][0]["typed_config"]["config"]
        plugin["configuration"]["value"] = json.dumps(configuration, indent=2) + "\n"
        plugin["vm_config"]["code"]["local"]["filename"] = str(self.wasm)
        plugin["vm_config"]["environment_variables"]["host_env_keys"] += list(self.environment)
        if self.edit_plugin:
            self.edit_plugin(plugin)
        self.filter_file.parent.mkdir(parents=True, exist_ok=True)
        new = self.filter_file.with_suffix(".new")
        new.write_text(yaml.dump(document, Dumper=ReadableDumper, sort_keys=False))
        new.replace(self.filter_file)

    def _ready(self):
        if not self.running():
            raise GatewayError(f"Envoy ended at start\n{self.log()}")
        try:
            return self._admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def _updates(self):
        prefix = "extension_config_discovery.http_filter.ai_gateway."
        stats = self.stats(prefix)
        return {outcome: stats[f"{prefix}update_{outcome}"] for outcome in ("success", "rejected")}

    def _wait_for(self, what, timeout_s, condition):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise GatewayError(f"waited {timeout_s} s for {what}\n{self.log()}")
            time.sleep(0.05)

    def _admin(self, path):
        with urllib.request.urlopen(self.admin_url + path, timeout=ADMIN_TIMEOUT_S) as reply:
            return reply.read().decode()


class ReadableDumper(yaml.SafeDumper):
    """Writes multi-line text as a block."""

    def represent_str(self, text):
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


ReadableDumper.add_representer(str, ReadableDumper.represent_str)


def free_port(preferred=0):
    """`preferred` if it is free, otherwise a port that the system chooses."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port")
