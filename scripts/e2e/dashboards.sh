#!/usr/bin/env bash
# Asks a Prometheus every query of the dashboards, with what Grafana would put in for its variables.
#
#   scripts/e2e/dashboards.sh http://127.0.0.1:9090 charts/observability/dashboards/*.json
set -euo pipefail
address=$1
shift
asked=0
full=0
while read -r query; do
    # shellcheck disable=SC2016 # Grafana's variables, not ours
    query=$(sed -E 's/\$__(rate_interval|interval)/10s/g; s/\$__range/1m/g; s/\$\{?prefix\}?/app/g; s/\$\{?[a-z_]+(:[a-z]+)?\}?/.*/g' <<<"$query")
    answer=$(curl --silent --max-time 5 --data-urlencode "query=$query" "$address/api/v1/query")
    if ! jq --exit-status '.status == "success"' <<<"$answer" >/dev/null; then
        echo "not answered: $query: $answer"
        exit 1
    fi
    asked=$((asked + 1))
    if jq --exit-status '.data.result | length > 0' <<<"$answer" >/dev/null; then full=$((full + 1)); fi
done < <(jq --raw-output '.. | .expr? // empty | gsub("\n"; " ")' "$@")
echo "$asked queries answered, $full of them with series of this workload"
[ "$full" -gt 0 ]
