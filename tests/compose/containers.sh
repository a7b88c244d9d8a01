#!/bin/bash
# The last step of `make test`: runs the compose tests if a Docker engine answers, and otherwise says that it left them out.
# With CI=true it starts an engine for them, and installs what that needs. They are then left out only on machines that
# cannot run an engine; any other problem is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

if missing=$(tests/compose/missing.sh); then
    exec make --no-print-directory compose-test
fi
if [ "${CI:-}" = true ]; then
    status=0
    reason=$(tests/compose/setup-engine.sh) || status=$?
    case $status in
        0) STAND_INS=1 exec tests/compose/engine.sh make --no-print-directory compose-test ;;
        69) missing="no Docker engine answers, and none can be started: $reason" ;;
        *) exit "$status" ;;
    esac
fi
echo "docker: the compose tests were left out: $missing"
