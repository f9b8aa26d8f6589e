#!/bin/sh
# Compiles perf/replay, the measurements' request generator, and prints the program's path; built anew when its source
# changes, kept outside the checkout. nghttp2 is the machine's own where its headers are installed, else Debian's package
# is unpacked beside it, not installed. Exit code 1, with what to do, where neither can be had.
set -eu

source=$(cd "$(dirname "$0")/../perf/replay" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist/replay
binary=$cache/replay-$(cat "$source"/*.c "$source"/*.h "$0" | sha256sum | cut -c1-16)

if [ -x "$binary" ]; then
    echo "$binary"
    exit 0
fi
cc=${CC:-cc}
command -v "$cc" > /dev/null || { echo "no C compiler here: sudo apt-get install gcc" >&2; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

compile() {
    # shellcheck disable=SC2086  # the flags are several words
    "$cc" -std=gnu11 -O2 -Wall -Wextra -Werror "$source"/*.c $1 -lm -o "$work/replay" 2> "$work/errors"
}

unpack_nghttp2() {
    command -v apt-get > /dev/null || return 1
    chmod 755 "$work"
    cd "$work"
    if ! apt-get download -qq libnghttp2-dev > "$work/errors" 2>&1; then
        # The lists may be missing or old; only root may renew them.
        apt-get update -qq > "$work/errors" 2>&1 && apt-get download -qq libnghttp2-dev > "$work/errors" 2>&1 || return 1
    fi
    dpkg -x libnghttp2-dev_*.deb unpacked
    library=$(echo unpacked/usr/lib/*/libnghttp2.a)
    compile "-Iunpacked/usr/include $library"
}

if ! compile -lnghttp2 && ! unpack_nghttp2; then
    cat "$work/errors" >&2
    echo "the request generator could not be built: sudo apt-get install gcc libnghttp2-dev" >&2
    exit 1
fi
mv "$work/replay" "$binary"
echo "$binary"
