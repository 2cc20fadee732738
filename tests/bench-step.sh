#!/bin/sh
# Our own time around a RUN step: a build of 50 trivial steps less one of none, by 50, against the same commands
# run bare; and, where buildah is installed, the same Dockerfile built by it. Medians of five.
set -eu
cooper=${COOPER:?the built binary}
rounds=${ROUNDS:-5}
work=$(mktemp -d "${TMPDIR:-/tmp}/cooper-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/context"
cp "$(command -v busybox)" "$work/context/busybox"
base='FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
'
printf '%s' "$base" > "$work/context/base"
{ echo "FROM bench:base"; } > "$work/context/none"
{ echo "FROM bench:base"; i=0; while [ $i -lt 50 ]; do echo "RUN true"; i=$((i + 1)); done; } > "$work/context/fifty"
{ echo "FROM bench:base"; i=0; while [ $i -lt 50 ]; do echo "RUN echo > /$i"; i=$((i + 1)); done; } > "$work/context/writing"
export COOPER_ROOT="$work/store"
"$cooper" build -q -t bench:base -f "$work/context/base" "$work/context" > /dev/null

now() { date +%s%N; }
time_of() { start=$(now); "$@" > /dev/null 2>&1; echo $((($(now) - start) / 1000)); }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
repeat() { n=0; while [ $n -lt "$rounds" ]; do time_of "$@"; n=$((n + 1)); done | median; }
bare() { n=0; while [ $n -lt 50 ]; do "$work/context/busybox" true; n=$((n + 1)); done; }

fifty=$(repeat "$cooper" build -q --no-cache --output type=cacheonly -f "$work/context/fifty" "$work/context")
none=$(repeat "$cooper" build -q --no-cache --output type=cacheonly -f "$work/context/none" "$work/context")
writing=$(repeat "$cooper" build -q --no-cache --output type=cacheonly -f "$work/context/writing" "$work/context")
floor=$(repeat bare)
awk -v f="$fifty" -v w="$writing" -v n="$none" -v b="$floor" 'BEGIN {
    printf "cooper: 50 steps %.0f ms, none %.0f ms, bare fork and exec of the same %.0f ms\n", f / 1000, n / 1000, b / 1000
    printf "own time per RUN step that changes nothing: %.1f ms\n", (f - n - b) / 50000
    printf "own time per RUN step that writes a file, layers stacking up: %.1f ms\n", (w - n - b) / 50000
}'
if command -v buildah > /dev/null; then
    export STORAGE_DRIVER=overlay
    root="--root $work/buildah --runroot $work/run"
    # shellcheck disable=SC2086 # a list of words
    buildah $root build --runtime "$(command -v runc)" -q --layers -t bench:base -f "$work/context/base" "$work/context" > /dev/null 2>&1 &&
        sed -i 's|^FROM bench:base|FROM localhost/bench:base|' "$work/context/fifty" &&
        theirs=$(rounds=1 repeat buildah $root build --runtime "$(command -v runc)" -q --layers --no-cache -f "$work/context/fifty" "$work/context") &&
        awk -v t="$theirs" 'BEGIN { printf "buildah: 50 steps %.0f ms\n", t / 1000 }' || echo "buildah does not build here"
    # shellcheck disable=SC2086
    buildah $root rmi -a -f > /dev/null 2>&1 || true
fi
