#!/bin/sh
# Runs the tests that need rights, and counts them: for each tier named in COOPER_TIERS_MUST_RUN at least one
# must have run. Without that variable, tiers that the machine does not allow are skipped, and said to be.
set -eu
cargo=${CARGO:-cargo}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
{ $cargo test --locked -p cooperage-executor --test tiers -- --nocapture 2>&1 || echo "tiers failed"; } | tee "$log"
grep -q '^tiers failed$' "$log" && status=1
for tier in $(printf '%s' "${COOPER_TIERS_MUST_RUN:-}" | tr ',' ' '); do
    ran=$(sed -n "s/.*tier $tier: \([0-9]*\) tests ran.*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }')
    echo "tier $tier: $ran tests ran in all"
    if [ "$ran" -eq 0 ]; then
        echo "tier $tier was to run and did not" >&2
        status=1
    fi
done
exit $status
