#!/usr/bin/env bash
# The pages of people in Chromium, against the binary in $KEPIL; the last line is
# "N passed, M failed". Screenshots lie in `screens/` afterwards, to be looked at.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --silent

report=$(mktemp)
node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$report" ./*.test.mjs || true
passed=$(sed -n 's/^# pass //p' "$report")
failed=$(awk '/^# (fail|cancelled) / { sum += $3; found = 1 } END { if (found) print sum }' "$report")
rm -f "$report"
# No count at all means that the runner itself broke.
echo "${passed:-0} passed, ${failed:-1} failed"
[ "${failed:-1}" -eq 0 ]
