"""Translates the manifests in examples/istio as Istio would: an Envoy bootstrap and an extension config.

Only what those manifests need is implemented: a cluster for each host of a ServiceEntry with the TLS settings of its
DestinationRule, the routes of a VirtualService, and the patches of an EnvoyFilter as Istio's API describes them.
"""

import copy

import yaml

from tools.gateway import PROJECT

EXAMPLES = PROJECT / "examples" / "istio"
MANAGER = "envoy.filters.network.http_connection_manager"
TYPES = "type.googleapis.com/envoy.extensions"


def documents(name):
    """The manifests of a file, by kind."""
    found = {}
    for document in yaml.safe_load_all((EXAMPLES / name).read_text()):
        found.setdefault(document["kind"], []).append(document)
    return found


def clusters(egress):
    """A cluster named `outbound|<port>||<host>` for each host and port."""
    rules = {rule["spec"]["host"]: rule["spec"]["trafficPolicy"] for rule in egress["DestinationRule"]}
    for entry in egress["ServiceEntry"]:
        for port in entry["spec"]["ports"]:
            for host in entry["spec"]["hosts"]:
                (settings,) = (s for s in rules[host]["portLevelSettings"] if s["port"]["number"] == port["number"])
                yield cluster(f"outbound|{port['number']}||{host}", host, port["targetPort"], settings["tls"])


def cluster(name, host, port, tls):
    validation = {
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": tls["subjectAltNames"][0]}}]
    }
    assert (tls["mode"], tls["caCertificates"]) == ("SIMPLE", "system")
    validation["trusted_ca"] = {"filename": "/etc/ssl/certs/ca-certificates.crt"}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}]}
            ],
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": tls["sni"],
                "common_tls_context": {"validation_context": validation},
            },
        },
    }


def routes(virtual_service):
    """The Envoy routes of a VirtualService."""
    for route in virtual_service["spec"]["http"]:
        match = {"prefix": "/"}
        for name, value in (header for match in route.get("match", []) for header in match["headers"].items()):
            match["headers"] = [{"name": name, "string_match": value}]
        if "directResponse" in route:
            yield {"match": match, "direct_response": route["directResponse"]}
            continue
        (target,) = route["route"]
        destination = target["destination"]
        yield {
            "match": match,
            "request_headers_to_remove": target["headers"]["request"]["remove"],
            "route": {
                "cluster": f"outbound|{destination['port']['number']}||{destination['host']}",
                "timeout": route["timeout"],
            },
        }


def listener(name, port, http_filters, virtual_host):
    """The listener that Istio generates for a Gateway, without TLS."""
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "normalize_path": True,
        "http_filters": http_filters,
        "route_config": {"name": name, "virtual_hosts": [virtual_host]},
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": MANAGER, "typed_config": manager}]}],
    }


ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}


def patched(listeners, envoy_filter, context):
    """The listeners with the patches of the EnvoyFilter applied, and the extension config that it adds."""
    listeners, extension = copy.deepcopy(listeners), None
    for patch in envoy_filter["spec"]["configPatches"]:
        assert patch["match"]["context"] == context
        kind, operation, value = patch["applyTo"], patch["patch"]["operation"], copy.deepcopy(patch["patch"]["value"])
        match (kind, operation):
            case "LISTENER", "MERGE":
                for one in listeners:
                    merge(one, value)
            case "LISTENER", "ADD":
                listeners.append(value)
            case "NETWORK_FILTER", "MERGE":
                for one in listeners:
                    merge(one["filter_chains"][0]["filters"][0], value)
            case "HTTP_FILTER", "INSERT_BEFORE":
                before = patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"]
                for one in listeners:
                    filters = one["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
                    filters.insert([f["name"] for f in filters].index(before), value)
            case "EXTENSION_CONFIG", "ADD":
                assert extension is None
                extension = value
            case _:
                raise AssertionError(f"no rule for {kind} {operation}")
    return listeners, extension


def merge(target, source):
    """Merge as protobuf does: messages recursively, lists by concatenation. A `false` in the source is rejected, as it is the default."""
    for name, value in source.items():
        assert value is not False, f"{name}: Istio would not set this to false"
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            merge(target[name], value)
        elif isinstance(value, list):
            target[name] = target.get(name, []) + value
        else:
            target[name] = value


def load_from_files(listeners, extension, directory, wasm):
    """Load the filter from files instead of from Istio's control plane (`ads`) and from a registry."""
    file = directory / "extension.yaml"
    for http_filter in (one for one in http_filters(listeners) if "config_discovery" in one):
        source = http_filter["config_discovery"]["config_source"]
        del source["ads"]
        source["path_config_source"] = {"path": str(file)}
        source["initial_fetch_timeout"] = "15s"
    code = extension["typed_config"]["config"]["vm_config"]["code"]
    assert code.pop("remote")["http_uri"]["uri"].startswith("oci://")
    code["local"] = {"filename": str(wasm)}
    resource = {"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", **extension}
    file.write_text(yaml.safe_dump({"resources": [resource]}))


def http_filters(listeners):
    """The HTTP filters of all listeners."""
    for one in listeners:
        yield from one["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
