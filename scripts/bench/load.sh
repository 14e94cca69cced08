#!/usr/bin/env bash
# k6-run's own engine against the real k6: requests a second of one core, CPU a request, memory.
# The generator is pinned to one core, the server to another. Each row is the median of ROUNDS
# alternating runs with a check, tags and a threshold.
#
#   ROUNDS=5 SECONDS_EACH=3 scripts/bench.sh load
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
rounds=${ROUNDS:-5}
length=${SECONDS_EACH:-3}
for program in k6 python3 taskset; do
    command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 3; }
done
[ "$(nproc)" -ge 2 ] || { echo "two cores are needed" >&2; exit 3; }
cargo build --quiet --locked --release -p k6-run -p autoscaleops-k6-engine --bin k6-run --example bench_server >&2 || exit 1

work=$(mktemp -d)
taskset -c 1 target/release/examples/bench_server >"$work/url" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 50); do [ -s "$work/url" ] && break; sleep 0.1; done
cat >"$work/busy.js" <<'SCRIPT'
import http from 'k6/http';
import { check } from 'k6';
export const options = { thresholds: { checks: ['rate>0.9'], 'http_req_duration{kind:bench}': ['p(95)<5000'] } };
export default function () {
  const r = http.get(__ENV.URL, { tags: { kind: 'bench' } });
  check(r, { 'status is 200': (r) => r.status === 200 });
}
SCRIPT
{ sed '/^}/d' "$work/busy.js"; echo "  sleep(1);"; echo "}"; } | sed "s/{ check }/{ check, sleep }/" >"$work/rest.js"

python3 - "$work" "$rounds" "$length" "$(cat "$work/url")" <<'PYTHON'
import json, os, statistics, subprocess, sys
work, rounds, length, url = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].strip()
export = work + "/export.json"

def once(engine, script, vus):
    if os.path.exists(export):
        os.remove(export)
    common = ["--vus", str(vus), "--duration", length + "s", "--summary-export", export, "-e", "URL=" + url]
    if engine == "k6":
        command = ["k6", "run", "--quiet", "--no-usage-report"]
    else:
        command = ["target/release/k6-run", "--engine", "native", "--quiet", "--workers", "1"]
    process = subprocess.Popen(["taskset", "-c", "0", *command, *common, f"{work}/{script}.js"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{engine} {script} {vus}: ended with {status}")
    metrics = json.load(open(export))["metrics"]
    cpu = usage.ru_utime + usage.ru_stime
    count = metrics["http_reqs"]["count"]
    return metrics["http_reqs"]["rate"], cpu / count * 1e6, usage.ru_maxrss / 1024

print("## load\n")
print(f"One generator core, the server on another, {length} s a run, medians of {rounds} alternating runs (smallest to largest).")
print("The script makes a request with a tag, a check, and two thresholds; `rest` sleeps a second after it.")
print("CPU a request includes the start of the program and of its virtual users. Memory is the process's peak.\n")
print("| script | VUs | engine | requests/s | CPU µs a request | peak MiB |")
print("| --- | ---: | --- | ---: | ---: | ---: |")
missed = []
for script, vus in [("busy", 1), ("busy", 50), ("busy", 1000), ("rest", 1000)]:
    results = {"k6": [], "native": []}
    for _ in range(rounds):
        for engine in results:
            results[engine].append(once(engine, script, vus))
    median = {}
    for engine, runs in results.items():
        columns = list(zip(*runs))
        median[engine] = [statistics.median(column) for column in columns]
        rate, cpu, memory = median[engine]
        print(f"| {script} | {vus} | {engine} | {rate:,.0f} ({min(columns[0]):,.0f} to {max(columns[0]):,.0f}) | {cpu:.1f} ({min(columns[1]):.1f} to {max(columns[1]):.1f}) | {memory:.0f} |", flush=True)
    faster = median["native"][0] / median["k6"][0]
    cheaper = median["k6"][1] / median["native"][1]
    smaller = median["k6"][2] / median["native"][2]
    print(f"| {script} | {vus} | native against k6 | {faster:.1f} × | {cheaper:.1f} × less | {smaller:.1f} × less |", flush=True)
    goal = {("busy", 50): (faster, 6), ("busy", 1000): (faster, 5), ("rest", 1000): (smaller, 3)}.get((script, vus))
    if goal and goal[0] < goal[1]:
        missed.append(f"{script} at {vus} VUs: {goal[0]:.1f} × of {goal[1]} ×")
print("\nGoals: 6 × the requests a second at 50 VUs, 5 × at 1,000, a third of the memory at 1,000 resting VUs.")
print("Missed: " + "; ".join(missed) + "." if missed else "All met.")
sys.exit(10 if missed else 0)
PYTHON
