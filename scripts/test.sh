#!/usr/bin/env bash
# Runs everything that has to hold before a change is merged: format, lints, every test, the
# documentation, licences, scripts, workflows, the demo and the whole chain with its real peers.
#
#   scripts/test.sh                all of it
#   scripts/test.sh fmt clippy     only these steps, in this order
#
# Steps: tools fmt clippy test doc deny shell actions docker charts demo e2e
#
# A failing step does not end the run. Every check counts as one, every test of cargo as one. The
# last line is "total: N passed, N failed, N skipped"; what was skipped is named above it.
# The exit code is 1 when anything failed.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
# shellcheck source=scripts/lib/docker.sh
source scripts/lib/docker.sh

export PATH="$root/.tools/bin:$PATH"
export CARGO_TERM_COLOR=never
# With one thread the test harness names no thread, and a skipped test could not say its name.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$(($(nproc) > 2 ? $(nproc) : 2))}"
logs="${CARGO_TARGET_DIR:-$root/target}/test-logs"
rm -rf "$logs"
mkdir -p "$logs"
export AUTOSCALEOPS_SKIPS="$logs/skips"
: >"$AUTOSCALEOPS_SKIPS"

passed=0
failed=0
failures=()
skips=()

pass() { passed=$((passed + 1)); echo "ok:      $1"; }
fail() { failed=$((failed + 1)); failures+=("$1"); echo "FAILED:  $1"; }
skip() { skips+=("$1"); echo "skipped: $1"; }

# check NAME COMMAND...: one check; its output is shown when it fails.
check() {
    local name="$1" log start=$SECONDS
    shift
    log="$logs/${name//[^a-zA-Z0-9]/-}.log"
    if "$@" >"$log" 2>&1 </dev/null; then
        pass "$name ($((SECONDS - start)) s)"
    else
        tail -n 80 "$log" | sed 's/^/    /'
        fail "$name"
    fi
}

# check_with PROGRAM NAME COMMAND...: the same, skipped where the program is absent.
check_with() {
    local program="$1"
    shift
    if command -v "$program" >/dev/null; then
        check "$@"
    else
        skip "$1: no program \`$program\`"
    fi
}

step_tools() { scripts/dev-tools.sh; }

step_fmt() { check "format" cargo fmt --all --check; }

step_clippy() { check "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings; }

step_test() {
    local log="$logs/cargo-test.log" code start=$SECONDS before=$failed name reason
    # Tests that want a Docker engine skip themselves where it is absent.
    start_docker "$root/.tools/docker" || echo "note: $docker_why"
    cargo test --workspace --locked --no-fail-fast 2>&1 </dev/null |
        tee "$log" | grep --line-buffered -vE '^test .* ok$|^$|^running [0-9]+ tests?$'
    code=${PIPESTATUS[0]}
    stop_docker

    # The sums that the harness prints for each test program and for the documentation.
    local ok bad
    ok=$(awk '/^test result:/ { for (i = 1; i < NF; i++) if ($(i + 1) == "passed;") n += $i } END { print n + 0 }' "$log")
    bad=$(awk '/^test result:/ { for (i = 1; i < NF; i++) if ($(i + 1) == "failed;") n += $i } END { print n + 0 }' "$log")
    while read -r name; do fail "test $name"; done < <(sed -nE 's/^test (.*) \.\.\. FAILED.*/\1/p' "$log")
    while read -r name; do skip "$name (ignored)"; done < <(sed -nE 's/^test (.*) \.\.\. ignored.*/\1/p' "$log")
    # A test program that was killed prints no sum, one that does not compile neither.
    while read -r name; do fail "$name"; done < <(sed -nE 's/^  (process didn.t exit successfully: .*signal.*)/\1/p' "$log")
    if [ "$code" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        fail "cargo test (exit code $code, see $log)"
    fi
    if [ "$((failed - before))" -lt "$bad" ]; then
        fail "cargo test: $bad tests failed by its sums, fewer by name"
    fi
    # The harness counts a test that skipped itself as passed; here it is not.
    while IFS=$'\t' read -r name reason; do
        if ! grep -qF "test ${name#*::} ... FAILED" "$log"; then
            skip "$name ($reason)"
            ok=$((ok - 1))
        fi
    done < <(sort -u -t $'\t' -k 1,1 "$AUTOSCALEOPS_SKIPS")
    passed=$((passed + ok))
    echo "tests:   $ok passed ($((SECONDS - start)) s with the build)"
}

step_doc() { RUSTDOCFLAGS="-D warnings" check "documentation builds" cargo doc --workspace --no-deps --locked; }

step_deny() {
    check_with cargo-deny "dependencies: bans, licences, sources" cargo-deny --locked check bans licenses sources
    if command -v cargo-deny >/dev/null && [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" ]; then
        check "dependencies: advisories" cargo-deny --locked --offline check advisories
    else
        skip "dependencies: advisories (no database of them on this machine: cargo-deny fetch db)"
    fi
}

step_shell() {
    local files
    mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
    check_with shellcheck "shellcheck (${#files[@]} scripts)" shellcheck --external-sources "${files[@]}"
}

step_actions() {
    local folders=() folder
    for folder in .github/workflows .github/actions; do
        if [ -n "$(git ls-files --cached --others --exclude-standard -- "$folder")" ]; then folders+=("$folder"); fi
    done
    if [ "${#folders[@]}" -eq 0 ]; then return; fi
    check_with zizmor "zizmor" zizmor --offline --no-progress --persona auditor "${folders[@]}"
    check_with actionlint "actionlint" actionlint
}

step_docker() {
    local files
    mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*Dockerfile*')
    if [ "${#files[@]}" -eq 0 ]; then return; fi
    check_with hadolint "hadolint (${#files[@]} files)" hadolint "${files[@]}"
}

step_charts() {
    local chart
    for chart in charts/*/Chart.yaml; do
        if [ -e "$chart" ]; then
            check_with helm "helm lint $(dirname "$chart")" helm lint --strict "$(dirname "$chart")"
        fi
    done
}

step_demo() { check "demo" scripts/demo.sh; }

step_e2e() {
    if [ -x scripts/e2e.sh ]; then check "e2e local" scripts/e2e.sh local; fi
}

steps=("$@")
if [ "${#steps[@]}" -eq 0 ]; then
    steps=(tools fmt clippy test doc deny shell actions docker charts demo e2e)
fi
trap 'stop_docker' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for step in "${steps[@]}"; do
    if ! declare -F "step_$step" >/dev/null; then
        echo "unknown step: $step" >&2
        exit 2
    fi
    echo "== $step"
    "step_$step"
done

echo "== summary ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
for item in "${skips[@]}"; do echo "skipped: $item"; done
for item in "${failures[@]}"; do echo "FAILED:  $item"; done
echo "total: $passed passed, $failed failed, ${#skips[@]} skipped"
[ "$failed" -eq 0 ]
