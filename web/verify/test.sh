#!/usr/bin/env bash
# Everything about the verifier that must pass; the last line is "N passed, M failed".
set -euo pipefail
cd "$(dirname "$0")"

npm ci --silent

passed=0
failed=0
step() {
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $*"
  fi
}

step npx --no-install tsc --noEmit
step node build.mjs --check

rm -rf .test-build
npx --no-install esbuild test/*.test.ts --bundle --platform=node --format=esm --packages=external \
  --outdir=.test-build --log-level=error

# The browser goes last and alone, so that its times mean something.
run() {
  local report
  report=$(mktemp)
  node --test --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$report" "$@" || true
  local good bad
  good=$(sed -n 's/^# pass //p' "$report")
  # Cancelled tests have not passed.
  bad=$(awk '/^# (fail|cancelled) / { sum += $3; found = 1 } END { if (found) print sum }' "$report")
  rm -f "$report"
  passed=$((passed + ${good:-0}))
  # No count at all means that the runner itself broke.
  failed=$((failed + ${bad:-1}))
}
run $(ls .test-build/*.test.js | grep -v -e /browser.test.js -e /page.test.js)
run .test-build/page.test.js
run .test-build/browser.test.js

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
