"""Changes of the shipped bootstrap that more than one test needs."""


def routes(bootstrap):
    """All routes, the one of held requests first."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return manager["route_config"]["virtual_hosts"][0]["routes"]


def held_for(seconds):
    """Has Envoy end requests that the filter holds after that long, not after a minute."""

    def edit(bootstrap):
        held = routes(bootstrap)[0]
        assert held["match"]["headers"] == [{"name": "x-ai-gateway-cluster", "present_match": False}]
        held["route"]["idle_timeout"] = f"{seconds}s"

    return edit
