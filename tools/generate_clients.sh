#!/bin/sh
# Generates the clients' code from proto/ by buf with pinned local plugins.
# Usage: generate_clients.sh [-o FOLDER] [python|go|java|typescript]...
# Without languages: all whose toolchain is here; the others are named with what to install. FOLDER: another root.
# Needs the development requirements: their bin folder is that of $PYTHON (default: python3 on PATH).
set -eu
cd "$(dirname "$0")/.."
root=.
if [ "${1:-}" = -o ]; then
    root=$2
    shift 2
fi
PATH="$(cd "$(dirname "$(command -v "${PYTHON:-python3}")")" && pwd):$PATH"
export PATH

for language in ${*:-python go java typescript}; do
    if missing=$(sh tools/client_toolchain.sh "$language"); then
        echo "generating clients/$language"
        mkdir -p "$root/clients/$language"
        sh "tools/generate_$language.sh" "$root"
    else
        echo "left out clients/$language: $missing"
    fi
done
