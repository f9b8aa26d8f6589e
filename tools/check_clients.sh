#!/bin/sh
# Usage: check_clients.sh python|go|java|typescript
# Fails when the committed client differs from what proto/ generates. Needs the language's toolchain.
set -eu
cd "$(dirname "$0")/.."
language=$1
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
sh tools/generate_clients.sh -o "$fresh" "$language"
case $language in
    python) generated=shortlist/v1 ;;
    go) generated=shortlistv1 ;;
    java) generated=src/main/java/shortlist/v1 ;;
    typescript) generated=src/gen ;;
esac
# Written by hand there: the package's own __init__.py.
if ! diff -r -x __init__.py -x __pycache__ "$fresh/clients/$language/$generated" "clients/$language/$generated"; then
    echo "clients/$language is stale: run 'make clients' and commit the result." >&2
    exit 1
fi
