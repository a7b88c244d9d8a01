"""A replacement of `jq` for machines that do not have it."""

import sys

JQ_REPLACEMENT = f"""#!{sys.executable}
import json, sys
assert sys.argv[1:] == ["-r", ".access_token"]
print(json.load(sys.stdin)["access_token"])
"""
