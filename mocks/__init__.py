"""The outside world in one process: an OIDC identity provider, mock LLM providers, AWS's credential endpoints.

Each service is an HTTP/1.1 server on the loopback address that speaks the wire format of the real one, records what it
is asked, and can be told to misbehave. `World` starts them, but for AWS's endpoints; `python -m mocks` does so from a
shell.

Not for production: keys are made at start, secrets are public, recordings hold credentials in clear.
"""
