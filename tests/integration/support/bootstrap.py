"""Edits of the shipped bootstrap that several tests need."""


def routes(bootstrap):
    """All routes. The first one is for requests that the filter holds."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return manager["route_config"]["virtual_hosts"][0]["routes"]


def without_body_delivery(plugin):
    """Remove the plugin option without which Envoy does not deliver request bodies to the filter."""
    del plugin["allow_on_headers_stop_iteration"]


def held_for(seconds):
    """Change the timeout of requests that the filter holds, which is a minute by default."""

    def edit(bootstrap):
        held = routes(bootstrap)[0]
        assert held["match"]["headers"] == [{"name": "x-ai-gateway-cluster", "present_match": False}]
        held["route"]["idle_timeout"] = f"{seconds}s"

    return edit
