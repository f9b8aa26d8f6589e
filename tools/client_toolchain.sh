#!/bin/sh
# Usage: client_toolchain.sh python|go|java|typescript
# Exits with 0 where what the language's client needs is here, otherwise with 1 and one line saying what to install.
set -u

# at_least WANTED FOUND: compares dotted versions.
at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# need PROGRAM WANTED FOUND ADVICE
need() {
    if [ -z "$3" ] || ! at_least "$2" "$3"; then
        echo "needs $1 $2 or newer, found ${3:-none}: $4"
        exit 1
    fi
}

case $1 in
    python) ;;
    go)
        found=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
        need go 1.24 "$found" "install it from https://go.dev/dl"
        ;;
    java)
        found=$(javac -version 2>&1 | sed -n 's/^javac \([0-9.]*\).*/\1/p')
        need "a JDK" 17 "$found" "apt-get install openjdk-17-jdk-headless"
        found=$(mvn -v 2>/dev/null | sed -n 's/.*Apache Maven \([0-9.]*\).*/\1/p')
        need Maven 3.8 "$found" "apt-get install maven"
        ;;
    typescript)
        found=$(node --version 2>/dev/null | sed 's/^v//')
        need Node.js 20 "$found" "install it from https://nodejs.org, or apt-get install nodejs npm"
        need npm 9 "$(npm --version 2>/dev/null)" "it comes with Node.js; on Debian: apt-get install npm"
        ;;
    *)
        echo "unknown language: $1"
        exit 2
        ;;
esac
