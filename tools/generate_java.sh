#!/bin/sh
# Generates clients/java/src/main/java/shortlist/v1 below a root. Called by generate_clients.sh, which sets PATH.
# protoc and its plugin come from Maven's repository, once, into the cache.
set -eu
protoc=4.36.2
# The newest generator that is published for Linux; the runtime of pom.xml may be newer than it, not older.
plugin=1.83.1
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x86_64 ;;
    Linux-aarch64) platform=linux-aarch_64 ;;
    Darwin-arm64) platform=osx-aarch_64 ;;
    Darwin-x86_64) platform=osx-x86_64 ;;
    *) echo "no protoc for $(uname -s) on $(uname -m)" >&2; exit 1 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist/protoc-$protoc-$plugin-$platform

# fetch GROUP ARTIFACT VERSION
fetch() {
    # Run outside the checkout: the goal needs no project and must find none.
    (cd "$cache.new" && mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy \
        -Dartifact="$1:$2:$3:exe:$platform" -DoutputDirectory="$cache.new")
    mv "$cache.new/$2-$3-$platform.exe" "$cache.new/$2"
    chmod +x "$cache.new/$2"
}

if [ ! -d "$cache" ]; then
    rm -rf "$cache.new"
    mkdir -p "$cache.new"
    fetch com.google.protobuf protoc "$protoc"
    fetch io.grpc protoc-gen-grpc-java "$plugin"
    mv "$cache.new" "$cache"
fi
PATH="$cache:$PATH"
export PATH
buf generate --template clients/java/buf.gen.yaml -o "$1"
