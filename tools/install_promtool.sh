#!/bin/sh
# Prints the path of promtool, Prometheus' checker of rules: the machine's own, or the one in Debian's package, which is
# unpacked outside the checkout and not installed.
#
#   tools/install_promtool.sh           fetches it where it is missing
#   tools/install_promtool.sh --find    prints the path of one that is there, or ends with 1
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist/promtool
binary=$cache/usr/bin/promtool

if command -v promtool > /dev/null; then
    command -v promtool
    exit 0
fi
if [ -x "$binary" ]; then
    echo "$binary"
    exit 0
fi
[ "${1:-}" = --find ] && exit 1
command -v apt-get > /dev/null || { echo "no promtool here: https://prometheus.io/download" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
if ! apt-get download -qq prometheus > /dev/null 2>&1; then
    # The lists may be missing or old; only root may renew them.
    apt-get update -qq > /dev/null
    apt-get download -qq prometheus > /dev/null
fi
dpkg -x prometheus_*.deb unpacked
mkdir -p "$cache"
cp -r unpacked/. "$cache/"
echo "$binary"
