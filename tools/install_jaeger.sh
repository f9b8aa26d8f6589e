#!/bin/sh
# Builds Jaeger v2 from its Go module and prints the binary's path; the binary is kept outside the checkout.
#
#   tools/install_jaeger.sh           builds it where it is missing (Go 1.24 or newer, 5 minutes on two cores)
#   tools/install_jaeger.sh --find    prints the path of one built before, or ends with 1
set -eu

version=v1.76.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist/jaeger/$version
binary=$cache/jaeger

if [ -x "$binary" ]; then
    echo "$binary"
    exit 0
fi
[ "${1:-}" = --find ] && exit 1
command -v go > /dev/null || { echo "building Jaeger needs Go: https://go.dev/doc/install" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
module=github.com/jaegertracing/jaeger
sources=$(cd "$work" && go mod download -json "$module@$version" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')

# `go install` refuses a module whose go.mod replaces another. A module of our own that begins with Jaeger's go.mod
# and go.sum resolves the same versions and has a checksum for each.
sed "s|^module .*|module shortlist.invalid/jaeger|" "$sources/go.mod" > "$work/go.mod"
cp "$sources/go.sum" "$work/go.sum"
chmod u+w "$work/go.mod" "$work/go.sum"
cd "$work"
echo "building Jaeger $version: about 5 minutes on two cores" >&2
GOFLAGS=-mod=mod go get "$module/cmd/jaeger@$version" >&2
GOFLAGS=-mod=mod go build -trimpath -o "$work/jaeger" "$module/cmd/jaeger" >&2
mkdir -p "$cache"
# Moved within the cache's file system, so that a binary that is there is whole.
cp "$work/jaeger" "$binary.new"
mv "$binary.new" "$binary"
echo "$binary"
