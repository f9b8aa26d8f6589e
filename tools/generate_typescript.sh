#!/bin/sh
# Generates clients/typescript/src/gen below a root: the contract, and google.rpc's error details as googleapis-common-protos
# has them. Called by generate_clients.sh, which sets PATH.
set -eu
client=clients/typescript
if [ ! -x $client/node_modules/.bin/protoc-gen-ts_proto ]; then
    (cd $client && npm ci --ignore-scripts --no-audit --no-fund)
fi
buf generate --template $client/buf.gen.yaml -o "$1"
image=$(mktemp --suffix=.binpb)
trap 'rm -f "$image"' EXIT
packages=$(python -c 'import google.rpc, pathlib; print(pathlib.Path(next(iter(google.rpc.__path__))).parents[1])')
python -m grpc_tools.protoc -I "$packages" --include_imports -o "$image" google/rpc/status.proto google/rpc/error_details.proto
buf generate "$image" --template $client/buf.gen.yaml -o "$1" --path google/rpc
