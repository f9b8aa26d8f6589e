#!/bin/sh
# Generates clients/go/shortlistv1 below a root. Called by generate_clients.sh, which sets PATH.
set -eu
buf generate --template clients/go/buf.gen.yaml -o "$1"
