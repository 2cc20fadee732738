#!/bin/sh
# `make demo`: an image of cooper, built by cooper from an empty store, and run.
set -eu
cd "$(dirname "$0")/.."
cooper=${COOPER:?the built binary}
work=$(mktemp -d "${TMPDIR:-/tmp}/cooper-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
COOPER_ROOT=$work/store
export COOPER_ROOT
mkdir "$work/context"
cp "$cooper" "$work/context/cooper"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "1. An image of cooper, from nothing"
"$cooper" build --progress=plain -t cooper:demo -f examples/demo/Dockerfile "$work/context"

say "2. Again: every step is cached"
"$cooper" build --progress=plain -t cooper:demo -f examples/demo/Dockerfile "$work/context"

say "3. The image runs: its --help, in a step of another build"
"$cooper" build --progress=plain -t cooper:ran -f examples/demo/Dockerfile.run "$work/context"

say "4. What is in the store"
"$cooper" images
"$cooper" du

say "Next: build something of yours"
echo "  $cooper build -t app path/to/your/project"
echo "  $cooper build --output type=oci,dest=app.tar path/to/your/project"
