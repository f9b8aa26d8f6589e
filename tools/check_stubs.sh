#!/bin/sh
# Fails when the committed Python client differs from what proto/ generates.
set -eu
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
sh tools/generate_stubs.sh "$fresh"
# Only what is generated is compared: __init__.py and py.typed are written by hand.
if ! diff -r -x __init__.py -x __pycache__ -x py.typed "$fresh/shortlist" clients/python/shortlist; then
    echo "The stubs are stale: run 'make stubs' and commit the result." >&2
    exit 1
fi
