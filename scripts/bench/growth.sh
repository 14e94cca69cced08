#!/usr/bin/env bash
# How time and memory grow with the work: once, ten times and a hundred times as much of it for
# trivy-gate, image-watch, hpa-watch and k6-run. Draws docs/growth.svg and prints Markdown.
#
#   scripts/bench/growth.sh           prints Markdown; 10 when something grows faster than its work
#   ROUNDS=5 scripts/bench/growth.sh  the median of five
#   PROGRAMS=target/debug PICTURE=/tmp/growth.svg scripts/bench/growth.sh   with what is built already
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
rounds=${ROUNDS:-3}
picture=${PICTURE:-docs/growth.svg}

for program in python3 rustc; do
    command -v "$program" >/dev/null || { echo "growth: no $program" >&2; exit 3; }
done
programs=${PROGRAMS:-}
if [ -z "$programs" ]; then
    build=(cargo build --quiet --locked --release)
    "${build[@]}" -p trivy-gate -p image-watch -p hpa-watch -p k6-run --bins >&2
    "${build[@]}" -p autoscaleops-testkit --example registry --example apiserver >&2
    "${build[@]}" -p autoscaleops-k6-engine --example bench_server >&2
    programs=${CARGO_TARGET_DIR:-$root/target}/release
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rustc --edition 2024 -O -o "$work/large_report" crates/trivy-gate/examples/large_report.rs

python3 scripts/bench/growth.py "$(realpath "$programs")" "$work" "$rounds" "$picture" "scripts/bench.sh growth"
