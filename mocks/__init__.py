"""Mock servers in one process: an OIDC identity provider, LLM providers, and AWS credential endpoints.

Each is an HTTP/1.1 server on the loopback address. It speaks the wire format of the real service, records its requests,
and can be made to fail. `World` starts all except the AWS endpoints, and `python -m mocks` does so from a shell.

Not for production: keys are generated at start, secrets are public, and recordings contain credentials in clear text.
"""
