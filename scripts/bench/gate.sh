#!/usr/bin/env bash
# trivy-gate on a report of 150 MB, against what the same step costs with jq and with Trivy itself.
#
#   scripts/bench/gate.sh            prints Markdown; 0 when the goals are met, 10 when not
#   ROUNDS=9 MEGABYTES=300 scripts/bench/gate.sh
#   GATE=./trivy-gate scripts/bench/gate.sh      measures this program instead of building one
#
# The programs take turns, so that whatever else the machine does meets all of them alike. Each
# ratio is taken within a round; the table shows medians, and the smallest and greatest value.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
PATH="$root/.tools/bin:$PATH"
rounds=${ROUNDS:-7}
megabytes=${MEGABYTES:-150}

for program in jq cargo rustc awk; do
    command -v "$program" >/dev/null || { echo "gate.sh needs $program" >&2; exit 3; }
done
[ -x /usr/bin/time ] || { echo "gate.sh needs GNU time as /usr/bin/time" >&2; exit 3; }

gate=${GATE:-}
if [ -z "$gate" ]; then
    cargo build --quiet --release -p trivy-gate >&2
    gate=${CARGO_TARGET_DIR:-target}/release/trivy-gate
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rustc --edition 2024 -O -o "$work/large_report" crates/trivy-gate/examples/large_report.rs
"$work/large_report" "$megabytes" >"$work/report.json"
report=$work/report.json
findings=$(grep -c '"VulnerabilityID"' "$report")

# What the step of the article does: three passes.
cat >"$work/seed.sh" <<'SEED'
high=$(jq '[.Results[]?.Vulnerabilities[]? | select(.Severity=="HIGH")] | length' "$1")
critical=$(jq '[.Results[]?.Vulnerabilities[]? | select(.Severity=="CRITICAL")] | length' "$1")
total=$(jq '[.Results[]?.Vulnerabilities[]?] | length' "$1")
echo "$high $critical $total"
SEED
# The cheapest that jq can do: one pass, both counts.
cat >"$work/jq.sh" <<'ONE'
jq -c '[.Results[]?.Vulnerabilities[]?.Severity] | [map(select(. == "HIGH")) | length, (map(select(. == "CRITICAL")) | length)]' "$1"
ONE
cat >"$work/convert.sh" <<'CONVERT'
cd "$(dirname "$1")" && exec trivy convert --quiet --format json --severity HIGH,CRITICAL --output /dev/null "$1"
CONVERT

# measure NAME COMMAND…: appends seconds, CPU seconds and KiB at the peak.
measure() {
    local name=$1
    shift
    /usr/bin/time -o "$work/time" -f '%e %U %S %M' "$@" >/dev/null 2>&1 || true
    tail -n 1 "$work/time" | awk '{ print $1, $2 + $3, $4 }' >>"$work/$name.rows"
}

names="file pipe jq seed"
command -v trivy >/dev/null && names="$names convert"
cat "$report" >/dev/null # into the page cache
for _ in $(seq "$rounds"); do
    measure file "$gate" --no-ci "$report"
    measure jq bash "$work/jq.sh" "$report"
    # The pipe: time of the gate, while cat feeds it.
    # shellcheck disable=SC2002
    cat "$report" | measure pipe "$gate" --no-ci -
    measure seed bash "$work/seed.sh" "$report"
    case $names in *convert) measure convert bash "$work/convert.sh" "$report" ;; esac
done

# column FILE N: median, smallest and greatest of a column.
column() {
    awk -v n="$2" '{ print $n }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { m = (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; print m, v[1], v[NR] }'
}
# ratios NAME N: of the other program to the gate on the file, within each round.
ratios() {
    paste -d ' ' "$work/$1.rows" "$work/file.rows" | awk -v n="$2" '{ print $n / $(n + 3) }' >"$work/$1.ratio"
    column "$work/$1.ratio" 1
}

title() {
    case $1 in
        file) echo "\`trivy-gate report.json\`" ;;
        pipe) echo "\`cat report.json \| trivy-gate -\`" ;;
        jq) echo "jq, one pass that counts both" ;;
        seed) echo "jq, the three passes of the article" ;;
        convert) echo "\`trivy convert\`" ;;
    esac
}

echo "## gate"
echo
echo "A generated report of $megabytes MB with $findings vulnerabilities, $rounds rounds in turn; median (smallest … greatest)."
echo "$("$gate" --version), $(jq --version)$(command -v trivy >/dev/null && trivy --version | sed -n 's/^Version: /, Trivy /p')."
echo
echo "| program | seconds | CPU seconds | peak memory, MiB | times the wall time of trivy-gate |"
echo "| --- | --- | --- | --- | --- |"
for name in $names; do
    read -r s smin smax <<<"$(column "$work/$name.rows" 1)"
    read -r c cmin cmax <<<"$(column "$work/$name.rows" 2)"
    read -r m mmin mmax <<<"$(column "$work/$name.rows" 3)"
    read -r r rmin rmax <<<"$(ratios "$name" 1)"
    awk -v title="$(title "$name")" -v s="$s" -v smin="$smin" -v smax="$smax" -v c="$c" -v cmin="$cmin" -v cmax="$cmax" \
        -v m="$m" -v mmin="$mmin" -v mmax="$mmax" -v r="$r" -v rmin="$rmin" -v rmax="$rmax" 'BEGIN {
        printf "| %s | %.2f (%.2f … %.2f) | %.2f (%.2f … %.2f) | %.0f (%.0f … %.0f) | %.1f (%.1f … %.1f) |\n",
            title, s, smin, smax, c, cmin, cmax, m / 1024, mmin / 1024, mmax / 1024, r, rmin, rmax }'
done
read -r wall _ _ <<<"$(ratios jq 1)"
read -r cpu _ _ <<<"$(ratios jq 2)"
read -r _ _ memory <<<"$(column "$work/pipe.rows" 3)"
echo
verdict() { if awk "BEGIN { exit !($1) }"; then echo met; else echo missed; fi; }
speed=$(verdict "$wall >= 8")
space=$(verdict "$memory <= 65536")
awk -v wall="$wall" -v cpu="$cpu" -v speed="$speed" -v memory="$memory" -v space="$space" 'BEGIN {
    printf "Goal: at least 8 times faster than one pass of jq: %.1f times in wall time, %.1f times in CPU time: %s.\n", wall, cpu, speed
    printf "Goal: at most 64 MiB from a pipe: %.0f MiB at the peak: %s.\n", memory / 1024, space }'
[ "$speed$space" = metmet ] || exit 10
