#!/bin/sh
# Builds ghz from its Go module and prints the binary's path; the binary is kept outside the checkout. Needs Go 1.24 or
# newer; a minute on two cores. The version is named: `@latest` gives one that is years older.
set -eu

version=v0.121.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist/ghz/$version
binary=$cache/ghz

if [ -x "$binary" ]; then
    echo "$binary"
    exit 0
fi
command -v go > /dev/null || { echo "building ghz needs Go: https://go.dev/doc/install" >&2; exit 1; }
mkdir -p "$cache"
GOBIN=$cache go install "github.com/bojand/ghz/cmd/ghz@$version" >&2
echo "$binary"
