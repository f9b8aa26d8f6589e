#!/bin/sh
# Generates the Python client (stubs and type stubs) from proto/ into a folder: clients/python, or the first argument.
# Needs the development requirements: their bin folder is that of $PYTHON (default: python3 on PATH).
set -eu
cd "$(dirname "$0")/.."
out=${1:-clients/python}
PATH="$(dirname "$(command -v "${PYTHON:-python3}")"):$PATH"
export PATH

mkdir -p "$out"
template=$(mktemp --suffix=.yaml)
trap 'rm -f "$template"' EXIT
sed "s|out: clients/python|out: $out|" buf.gen.yaml > "$template"
buf generate --template "$template"
# A service file without services would leave an empty stub; a file of enums has nothing to call.
rm -f "$out"/shortlist/v1/event_types_pb2_grpc.py "$out"/shortlist/v1/event_types_pb2_grpc.pyi
