#!/bin/sh
# Usage: test_client.sh go|java|typescript
# Fetches what the client needs (into the caches of its own tools) and runs its tests against the servers that
# the environment names; see tests/support/client_lab.py.
set -eu
cd "$(dirname "$0")/../clients/$1"
case $1 in
    go)
        go vet ./...
        go test -count=1 -timeout 900s ./...
        ;;
    java) mvn -B -q test ;;
    typescript)
        if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
            npm ci --ignore-scripts --no-audit --no-fund
        fi
        npm test
        ;;
esac
