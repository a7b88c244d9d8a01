"""Helpers of the integration tests: configurations, clients, fake servers and checks."""
