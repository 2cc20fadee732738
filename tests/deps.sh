#!/bin/sh
# Installs the Debian packages named as arguments that are missing. Without root it says what is missing.
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "these packages are needed by the tests:$missing" >&2
    echo "install them as root: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
apt-get install -y --no-install-recommends $missing >/tmp/cooper-deps.log 2>&1 ||
    { apt-get update && apt-get install -y --no-install-recommends $missing; } >/tmp/cooper-deps.log 2>&1 ||
    { cat /tmp/cooper-deps.log >&2; exit 1; }
