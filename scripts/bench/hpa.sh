#!/usr/bin/env bash
# hpa-watch beside `kubectl get hpa -A -w` on many autoscalers of which many change, and a day of
# syncs simulated for many settings. Prints Markdown for scripts/bench.sh.
#
#   AUTOSCALERS=5000 RATE=200 SECONDS_LONG=30 SETTINGS=100    what is measured; these are the defaults
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
autoscalers=${AUTOSCALERS:-5000}
rate=${RATE:-200}
long=${SECONDS_LONG:-30}
settings=${SETTINGS:-100}
profile=${PROFILE:-release}

build=(cargo build --quiet --manifest-path "$root/Cargo.toml")
if [ "$profile" = release ]; then build+=(--release); fi
"${build[@]}" --package hpa-watch >&2
"${build[@]}" --package autoscaleops-testkit --example apiserver >&2
tool=$root/target/$profile/hpa-watch
server=$root/target/$profile/examples/apiserver
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ticks=$(getconf CLK_TCK)
missed=0

# watch NAME COMMAND…: starts the server, then the command for as long as the server lives, and
# writes how many lines it printed, its peak memory in MB and its CPU in percent of one core.
watch() {
    local name=$1 pid cpu memory lines start end
    shift
    "$server" "$work" "$autoscalers" "$rate" "$long" >server.log &
    local served=$!
    until [ -s server.log ]; do sleep 0.1; done
    start=$(date +%s%N)
    "$@" >"$name.out" 2>"$name.err" &
    pid=$!
    while kill -0 "$served" 2>/dev/null; do
        if [ -r "/proc/$pid/stat" ]; then
            cpu=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
            memory=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
            end=$(date +%s%N)
        fi
        sleep 0.5
    done
    wait "$served" || true
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    lines=$(wc -l <"$name.out")
    awk -v name="$name" -v lines="$lines" -v memory="$memory" -v cpu="$cpu" -v ticks="$ticks" -v ns="$((end - start))" \
        'BEGIN { printf "%s %d %.1f %.1f %.2f\n", name, lines, memory / 1024, 100 * cpu / ticks / (ns / 1e9), cpu / ticks }' >"$name.result"
}

changes=$((rate * long))
expected=$((autoscalers + changes))
echo "## hpa"
echo
echo "$autoscalers autoscalers, $rate status changes a second for $long s: $expected lines are right."
echo
echo "| program | lines | missed | memory, peak | CPU of one core |"
echo "| --- | --- | --- | --- | --- |"
row() {
    local name lines memory percent seconds
    read -r name lines memory percent seconds <"$1.result"
    echo "| \`$2\` | $lines | $((expected - lines)) | $memory MB | $percent % ($seconds s) |"
}
watch hpa-watch "$tool" watch -A --kubeconfig "$work/kubeconfig"
row hpa-watch "hpa-watch watch -A"
read -r _ lines memory percent _ <hpa-watch.result
if [ "$lines" -lt "$expected" ]; then missed=10; fi
if command -v kubectl >/dev/null; then
    watch kubectl kubectl --kubeconfig "$work/kubeconfig" get hpa -A -w --no-headers
    row kubectl "kubectl get hpa -A -w"
fi

cat >hpa.yaml <<'HPA'
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
HPA
awk 'BEGIN { for (i = 0; i < 5756; i++) print int(60 + 55 * sin(i / 40)) }' >day.txt
values=$(seq -s, 10 10 $((settings * 10)))
begin=$(date +%s%N)
"$tool" simulate --hpa hpa.yaml --load day.txt --sweep "behavior.scaleDown.stabilizationWindowSeconds=$values" -o json >day.json
took=$((($(date +%s%N) - begin) / 1000000))
echo
echo "24 hours (5,756 syncs) for $settings settings: $took ms (goal: below 1,000 ms)."
echo
echo "Goals: nothing missed, at most 30 MB and 3 % of one core. \`hpa-watch\` took $memory MB and $percent %."
if [ "$took" -ge 1000 ]; then missed=10; fi
if awk -v m="$memory" -v p="$percent" 'BEGIN { exit !(m > 30 || p > 3) }'; then missed=10; fi
exit "$missed"
