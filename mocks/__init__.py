"""The outside world in one process: an OIDC identity provider and mock LLM providers.

Each service is an HTTP/1.1 server on the loopback address that speaks the wire format of the real one, records what it
is asked, and can be told to misbehave. `World` starts them all; `python -m mocks` does so from a shell.

Not for production: keys are made at start, secrets are public, recordings hold credentials in clear.
"""
