#!/bin/sh
# Runs each fuzz target for SECONDS (default 60), or those named after it: tests/fuzz.sh 600 parse lower.
# Corpora are kept in */fuzz/corpus between runs; seeds come from the fixtures. Needs cargo-fuzz and a nightly compiler;
# run it as an ordinary user where the machine has one, since archives are unpacked (docs/fuzzing.md).
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
wanted=" $* "
fixtures=$PWD/fixtures/frontend
cargo fuzz --version > /dev/null 2>&1 || {
    echo 'cargo-fuzz is missing: cargo install cargo-fuzz, and rustup toolchain install nightly' >&2
    exit 3
}

# A seed for each file or line of standard input, named by its content.
files() { # ROOM TARGET
    mkdir -p "$1/fuzz/corpus/$2"
    while read -r file; do cp "$file" "$1/fuzz/corpus/$2/seed-$(cksum < "$file" | tr ' ' -)"; done
}
lines() { # ROOM TARGET
    mkdir -p "$1/fuzz/corpus/$2"
    while IFS= read -r line; do
        printf '%s' "$line" > "$1/fuzz/corpus/$2/seed-$(printf '%s' "$line" | cksum | tr ' ' -)"
    done
}
dockerfiles() { find "$fixtures" -name '*Dockerfile' -type f -size -64k; }

dockerfiles | files frontend parse
dockerfiles | files frontend lower
dockerfiles | xargs grep -hoE '\$\{[^ ]*|"[^"]*\$[^"]*"' | sort -u | sed 's/^/value\n/' | lines frontend expand
dockerfiles | xargs grep -hoE -- '--mount=[^ ]+' | sed 's/^--mount=//' | sort -u | lines frontend options
cat <<'URLS' | lines frontend git_url
https://example.org/a/b.git#v1:dir
https://user@example.org:8080/b.git?branch=main&subdir=x&checksum=0123456789abcdef
git@example.org:a/b.git#refs/heads/main
ssh://git@example.org:22/a/b
git://example.org/a
github.com/a/b#:dir
URLS
mkdir -p image/fuzz/corpus/ignore
printf 'a/b.log\n*.log\n!keep.log\n' > image/fuzz/corpus/ignore/seed-1
printf 'src/deep/x\n# comment\n/src/**/x\n!src/[a-z]*/\\x\n**/.git\n' > image/fuzz/corpus/ignore/seed-2
archives=$(mktemp -d)
trap 'rm -rf "$archives"' EXIT
mkdir -p "$archives/in/dir"
echo text > "$archives/in/dir/file"
ln -s ../outside "$archives/in/link"
ln "$archives/in/dir/file" "$archives/in/hard"
for format in gnu pax ustar; do tar -C "$archives/in" --format=$format -cf "$archives/$format.tar" .; done
gzip -k "$archives/gnu.tar"
for target in unpack archive detect; do find "$archives" -maxdepth 1 -type f | files image "$target"; done

run() { # ROOM TARGET LIMIT_BYTES
    case $wanted in '  ' | *" $2 "*) ;; *) return 0 ;; esac
    echo "== $1/$2: $seconds s"
    log="$archives/log"
    status=0
    # An input that takes ten seconds, or a GiB, is a bug as a crash is.
    (cd "$1" && cargo +nightly fuzz run "$2" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -max_len="$3" -print_final_stats=1) > "$log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        tail -n 60 "$log" >&2
        echo "$1/$2 found something, or cannot be run" >&2
        exit $status
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|slowest_unit_time_sec|peak_rss_mb)|cov:.*DONE' "$log"
}
run frontend parse 65536
run frontend expand 4096
run frontend lower 8192
run frontend options 1024
run frontend git_url 1024
run image ignore 4096
run image archive 16384
run image unpack 16384
run image detect 16384
