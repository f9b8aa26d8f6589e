#!/bin/sh
# Generates clients/python/shortlist/v1 below a root. Called by generate_clients.sh, which sets PATH.
set -eu
buf generate --template clients/python/buf.gen.yaml -o "$1"
# A service file without services would leave an empty stub; a file of enums has nothing to call.
rm -f "$1"/clients/python/shortlist/v1/event_types_pb2_grpc.py*
