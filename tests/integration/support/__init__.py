"""Helpers of the integration tests, imported as `support.<module>`: fake servers, clients, configurations, checks."""
