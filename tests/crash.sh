#!/bin/sh
# kill -9 at random moments of a build loop, N times (default 200); then a correct build from the same store must give
# the digest that an empty store gives, and nothing may be left mounted, running or lying about.
set -eu
rounds=${1:-200}
cooper=${COOPER:?the built binary}
busybox=$(command -v busybox)
work=$(mktemp -d "${TMPDIR:-/tmp}/cooper-crash.XXXXXX")
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000
mkdir -p "$work/context/src"
cp "$busybox" "$work/context/busybox"
i=0
while [ $i -lt 300 ]; do echo "file $i" > "$work/context/src/$i"; i=$((i + 1)); done
cat > "$work/context/Dockerfile" <<'DOCKERFILE'
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS a
COPY src /src
RUN i=0; while [ $i -lt 40 ]; do head -c 20000 /dev/zero > /a$i; i=$((i + 1)); done
FROM base AS b
RUN mkdir /b && cp /bin/busybox /b/one && ln /b/one /b/two && rm /bin/wget
FROM base
COPY --from=a /src /src
COPY --from=a /a1 /a2 /
COPY --from=b /b /b
RUN cat /src/1 > /out
DOCKERFILE
build() { "$cooper" --root "$1" build -q -t crash:test "$work/context"; }

echo "the right answer, from an empty store"
expected=$(build "$work/expected")

killed=0
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    # Every other round the cache is emptied, so that every moment of a build has its turn.
    if [ $((round % 2)) -eq 1 ]; then "$cooper" --root "$work/store" prune --all --force > /dev/null; fi
    "$cooper" --root "$work/store" build -q -t crash:test "$work/context" > /dev/null 2>&1 &
    pid=$!
    # 0 to 0.2 s
    sleep "$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%.4f", $1 / 65536 * 0.2 }')"
    if kill -9 "$pid" 2> /dev/null; then killed=$((killed + 1)); fi
    wait "$pid" 2> /dev/null || true
done

found=$(build "$work/store")
again=$("$cooper" --root "$work/store" build -q -t crash:test "$work/context")
status=0
[ "$found" = "$expected" ] || { echo "wrong image after the kills: $found, expected $expected" >&2; status=1; }
[ "$again" = "$expected" ] || { echo "wrong image when cached: $again, expected $expected" >&2; status=1; }
if grep -q "$work" /proc/self/mounts; then echo "something is still mounted" >&2; status=1; fi
if pgrep -f "$work" > /dev/null; then echo "something still runs" >&2; status=1; fi
left=$("$cooper" --root "$work/store" du | awk '/^left over/ { print $3 }')
[ "$left" = 0 ] || { echo "$left leftovers" >&2; status=1; }
echo "$killed of $rounds builds were killed in the middle; the next one gave $found; left over: $left"
exit $status
