#!/usr/bin/env python3
"""Stands in for claude, codex and gemini: prints how it was started, then runs a script of actions.

The variable FAKE_CLIENT has the actions, in order: `ask PATH`, `ask-wrong-secret PATH`, `helper`, `sleep SECONDS` and
`exit CODE`. Results are printed as JSON, one per line.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path


def report(**members):
    print(json.dumps(members), flush=True)


def connection(arguments):
    """The base URL, the helper's command and the settings, found as the real client would find them."""
    name = Path(sys.argv[0]).name
    if name == "claude":
        settings = json.loads(Path(arguments[arguments.index("--settings") + 1]).read_text())
        variables = settings["env"]
        url = variables.get("ANTHROPIC_BASE_URL") or variables["ANTHROPIC_BEDROCK_BASE_URL"]
        return url, settings.get("apiKeyHelper"), settings
    if name == "codex":
        lines = [value for flag, value in pairwise(arguments) if flag == "-c"]
        settings = tomllib.loads("\n".join(lines))
        provider = settings["model_providers"][settings["model_provider"]]
        return provider["base_url"], [provider["auth"]["command"], *provider["auth"]["args"]], settings
    home = Path(os.environ["GEMINI_CLI_HOME"])
    settings = json.loads((home / ".gemini/settings.json").read_text())
    return os.environ["GOOGLE_GEMINI_BASE_URL"], None, settings


def ask(url, body, headers):
    """Send a request and return the response, with the time between its first and last chunk."""
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            pieces = []
            while piece := answer.read1(65536):
                pieces.append((time.monotonic(), piece.decode()))
            return {
                "status": answer.status,
                "text": "".join(text for _, text in pieces),
                "spread_s": pieces[-1][0] - pieces[0][0] if pieces else 0,
            }
    except urllib.error.HTTPError as error:
        return {"status": error.code, "text": error.read().decode()}


def main():
    arguments = sys.argv[1:]
    url, helper, settings = connection(arguments)
    report(arguments=arguments, environment=dict(os.environ), url=url, settings=settings)
    words = iter(os.environ["FAKE_CLIENT"].split())
    headers = {"anthropic-version": "2023-06-01"} | json.loads(os.environ.get("FAKE_HEADERS", "{}"))
    for word in words:
        if word == "helper":
            done = subprocess.run(helper, shell=isinstance(helper, str), capture_output=True, text=True)
            headers["authorization"] = f"Bearer {done.stdout.strip()}"
            report(token=done.stdout, problem=done.stderr)
        elif word == "ask":
            report(**ask(url + next(words), os.environ["FAKE_BODY"].encode(), headers))
        elif word == "ask-wrong-secret":
            report(**ask(re.sub(r"(//[^/]+)/[^/]+", r"\1/wrong-secret", url, count=1) + next(words), b"{}", headers))
        elif word == "sleep":
            time.sleep(float(next(words)))
        elif word == "exit":
            sys.exit(int(next(words)))


main()
