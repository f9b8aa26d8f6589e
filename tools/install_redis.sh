#!/bin/sh
# Finds redis-server and redis-cli, or installs them where that needs no question: as root, or with sudo that asks none.
# Prints the server's path. Exit code 1, with what to do, where there is none; tests that need it then skip.
set -u

found() { command -v redis-server && command -v redis-cli >/dev/null; }

say() { printf '%s\n' "$*" >&2; }

found && exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    say "redis-server is not on PATH. Install it: sudo apt-get install redis-server"
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    say "redis-server is not on PATH and this machine has no apt-get. Install Redis 7 or newer, and redis-cli."
    exit 1
fi

# The package would start a server of its own on port 6379; a policy that forbids it is in place only meanwhile.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi
say "Installing redis-server"
install() { DEBIAN_FRONTEND=noninteractive $as_root apt-get install -q -y redis-server >&2; }
install || { $as_root apt-get update -q >&2 && install; }
found && exit 0
say "redis-server could not be installed; apt-get says why above."
exit 1
