#!/usr/bin/env bash
# k6-run's own engine against the real k6, oha and wrk: requests a second of one core, CPU a request,
# memory; how near their p99 is to the server's own clock; how punctual arrivals are. The generator is
# pinned to one core, the server to another. Each row is the median of ROUNDS alternating runs.
#
#   ROUNDS=5 SECONDS_EACH=3 scripts/bench.sh load
#   PARTS="speed clock arrivals"   only some of it
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
export PATH="$root/.tools/bin:$PATH"
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
cat >"$work/slow.js" <<'SCRIPT'
import http from 'k6/http';
export const options = { summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'] };
export default function () { http.get(`${__ENV.URL}slow`); }
SCRIPT
cat >"$work/arrivals.js" <<'SCRIPT'
import http from 'k6/http';
export const options = {
  scenarios: {
    arrivals: {
      executor: 'constant-arrival-rate', rate: Number(__ENV.RATE), timeUnit: '1s',
      duration: `${__ENV.LENGTH}s`, preAllocatedVUs: 100, maxVUs: 100,
    },
  },
};
export default function () { http.get(`${__ENV.URL}arrive`); }
SCRIPT

python3 - "$work" "$rounds" "$length" "$(cat "$work/url")" "${PARTS:-speed clock arrivals}" <<'PYTHON'
import json, os, re, shutil, statistics, subprocess, sys, time, urllib.request
work, rounds, length, url = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].strip()
parts = sys.argv[5].split()
export, report = work + "/export.json", work + "/report.json"
scripted = {
    "k6": ["k6", "run", "--quiet", "--no-usage-report"],
    "native": ["target/release/k6-run", "--engine", "native", "--quiet", "--workers", "1", "--report", report],
}
others = [name for name in ("oha", "wrk") if shutil.which(name)]
missing = [name for name in ("oha", "wrk") if name not in others]
missed = []

def peak_of(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0

def ended(command):
    """Runs a generator on its core; returns its standard output, its CPU seconds and its peak in MiB."""
    with open(work + "/out", "w+b") as out:
        process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=out, stderr=subprocess.DEVNULL)
        peak = 0
        while True:
            # The peak that the kernel tells at the end has this program's memory at the start in it.
            peak = max(peak, peak_of(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.05)
        if status:
            sys.exit(f"{' '.join(command)}: ended with {status}")
        out.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime, peak

def run_script(engine, script, *flags):
    for path in (export, report):
        if os.path.exists(path):
            os.remove(path)
    _, cpu, memory = ended([*scripted[engine], *flags, "--summary-export", export, "-e", "URL=" + url, f"{work}/{script}.js"])
    return json.load(open(export))["metrics"], cpu, memory

def run_other(name, connections, path=""):
    """Returns requests, requests a second, p50 and p99 in milliseconds, CPU seconds, peak MiB."""
    if name == "oha":
        text, cpu, memory = ended(["oha", "--no-tui", "--output-format", "json", "-c", str(connections), "-z", length + "s", url + path])
        told = json.loads(text)
        count = sum(told["statusCodeDistribution"].values())
        tail = told["latencyPercentiles"]
        return count, told["summary"]["requestsPerSec"], tail["p50"] * 1e3, tail["p99"] * 1e3, cpu, memory
    text, cpu, memory = ended(["wrk", "-t1", f"-c{connections}", f"-d{length}s", "--latency", url + path])
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    tail = {share: float(value) * unit[name] for share, value, name in re.findall(r"^ +(\d+)% +([\d.]+)(us|ms|s)$", text, re.M)}
    count = int(re.search(r"(\d+) requests in", text)[1])
    return count, float(re.search(r"Requests/sec: +([\d.]+)", text)[1]), tail["50"], tail["99"], cpu, memory

def speed_of(name, script, vus):
    if name in scripted:
        metrics, cpu, memory = run_script(name, script, "--vus", str(vus), "--duration", length + "s")
        count, rate = metrics["http_reqs"]["count"], metrics["http_reqs"]["rate"]
    else:
        count, rate, _, _, cpu, memory = run_other(name, vus)
    return rate, cpu / count * 1e6, memory

def ask(path):
    return json.load(urllib.request.urlopen(url + path))

def medians(runs):
    columns = list(zip(*runs))
    return [statistics.median(column) for column in columns], columns

def speed():
    print("### Speed and memory\n")
    print(f"One generator core, the server on another, {length} s a run, medians of {rounds} alternating runs (smallest to largest).")
    print("The script makes a request with a tag, a check, and two thresholds; `rest` sleeps a second after it. oha and wrk run no")
    print("scripts: they show how fast a generator without one is. CPU a request includes the start of the program and of its")
    print("virtual users. Memory is the process's peak.\n")
    print("| script | VUs | engine | requests/s | CPU µs a request | peak MiB |")
    print("| --- | ---: | --- | ---: | ---: | ---: |")
    memory_of = {}
    for script in ("busy", "rest"):
        for vus in (1, 50, 1000):
            results = {name: [] for name in [*scripted, *(others if script == "busy" else [])]}
            for _ in range(rounds):
                for name in results:
                    results[name].append(speed_of(name, script, vus))
            median = {}
            for name, runs in results.items():
                median[name], columns = medians(runs)
                rate, cpu, memory = median[name]
                memory_of[name, script, vus] = memory
                print(f"| {script} | {vus:,} | {name} | {rate:,.0f} ({min(columns[0]):,.0f} to {max(columns[0]):,.0f}) | {cpu:.1f} ({min(columns[1]):.1f} to {max(columns[1]):.1f}) | {memory:.0f} |", flush=True)
            faster = median["native"][0] / median["k6"][0]
            cheaper = median["k6"][1] / median["native"][1]
            smaller = median["k6"][2] / median["native"][2]
            print(f"| {script} | {vus:,} | **native against k6** | **{faster:.1f} ×** | **{cheaper:.1f} × less** | **{smaller:.1f} × less** |", flush=True)
            goal = {("busy", 50): 6, ("busy", 1000): 5}.get((script, vus))
            if goal and faster < goal:
                missed.append(f"{script} at {vus:,} VUs: {faster:.1f} × of {goal} ×")
    each = {name: (memory_of[name, "rest", 1000] - memory_of[name, "rest", 1]) / 999 * 1024 for name in scripted}
    ratio = each["k6"] / max(each["native"], 1e-9)
    print(f"\nA resting virtual user takes {each['native']:.0f} KiB natively and {each['k6']:.0f} KiB in k6: {ratio:.1f} × less (from 1 to 1,000 of them).")
    if ratio < 3:
        missed.append(f"memory of a virtual user: {ratio:.1f} × less of 3 ×")
    print("Goals: 6 × the requests a second at 50 busy VUs, 5 × at 1,000, a third of the memory of a virtual user at 1,000.\n")

def clock():
    print("### Is what they say true?\n")
    print("The server answers after 2 to 12 ms, and 60 ms later two times in a hundred; it measures from the end of the request to")
    print(f"the end of the answer. 50 connections, medians of {rounds} alternating runs; beside them the difference to the server's clock.\n")
    print("| engine | p50 ms | server's p50 | p99 ms | server's p99 | off by |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    results = {name: [] for name in [*scripted, *others]}
    for _ in range(rounds):
        for name in results:
            ask("clock")
            if name in scripted:
                metrics, _, _ = run_script(name, "slow", "--vus", "50", "--duration", length + "s")
                told = metrics["http_req_duration"]["med"], metrics["http_req_duration"]["p(99)"]
            else:
                _, _, p50, p99, _, _ = run_other(name, 50, "slow")
                told = p50, p99
            true = ask("clock")
            results[name].append((told[0], true["p50_ms"], told[1], true["p99_ms"], abs(told[1] - true["p99_ms"])))
    for name, runs in results.items():
        (p50, true50, p99, true99, off), columns = medians(runs)
        print(f"| {name} | {p50:.2f} | {true50:.2f} | {p99:.2f} | {true99:.2f} | {off:.2f} ms ({min(columns[4]):.2f} to {max(columns[4]):.2f}) |", flush=True)
    print()

def arrivals():
    rate = 1000
    print("### How punctual are arrivals?\n")
    print(f"`constant-arrival-rate` with {rate:,} a second for {length} s, seen by the server: how much later than evenly spaced each request")
    print(f"came. Medians of {rounds} alternating runs (smallest to largest).\n")
    print("| engine | came | p50 late | p99 late | latest | its own p99 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    results = {name: [] for name in scripted}
    for _ in range(rounds):
        for name in results:
            ask(f"arrivals?rate={rate}")
            run_script(name, "arrivals", "-e", f"RATE={rate}", "-e", "LENGTH=" + length)
            seen = ask(f"arrivals?rate={rate}")
            own = json.load(open(report))["details"]["generator"]["start_lag_p99_ms"] if name == "native" else 0
            results[name].append((seen["count"], seen["p50_ms"], seen["p99_ms"], seen["max_ms"], own))
    for name, runs in results.items():
        (count, p50, p99, most, own), columns = medians(runs)
        own = f"{own:.2f} ms" if name == "native" else "not told"
        print(f"| {name} | {count:,.0f} | {p50:.2f} ms | {p99:.2f} ms ({min(columns[2]):.2f} to {max(columns[2]):.2f}) | {most:.2f} ms | {own} |", flush=True)
        if name == "native" and p99 >= 2:
            missed.append(f"arrivals: p99 {p99:.2f} ms late of 2 ms")
    print("\nGoal: natively, 99 of 100 arrivals less than 2 ms late.\n")

print("## load\n")
for part in parts:
    {"speed": speed, "clock": clock, "arrivals": arrivals}[part]()
for name in missing:
    print(f"{name} is not installed here (`scripts/dev-tools.sh {name}`).")
print("Missed: " + "; ".join(missed) + "." if missed else "All goals met.")
sys.exit(10 if missed else 0)
PYTHON
