# shellcheck shell=bash
# The chain on kind. Sourced by scripts/e2e.sh, where the names come from. Needs Docker with access
# to the node image and the network, so it is opt-in: the workflow e2e-kind runs it.
: "${root:?}" "${work:?}"

cleanup_kind() { kind-up down --yes >/dev/null 2>&1; }
trap 'cleanup_kind; clean_up' EXIT

step "Is everything there?"
expect 0 "kind-up doctor --provider kind"

step "The workload is on the nodes before anything asks for it"
expect 0 "kind-up up --provider kind --yes --only nodes"
expect 0 "$root/scripts/load-demo-app.sh"

step "An empty machine becomes a GitOps cluster"
expect 0 "kind-up up --provider kind --yes --timings"
expect 0 "kind-up status"

step "A second run changes nothing"
expect 0 "kind-up plan --provider kind"

step "Load makes dev scale from one to three and back"
export KUBECONFIG="$work/kubeconfig"
kind-up kubeconfig >"$KUBECONFIG"
expect 0 "hpa-watch record -o scaling.jsonl -n dev -- k6-run run $root/scripts/k6/autoscale.js -e BASE_URL=http://127.0.0.1:30007"
expect 0 "hpa-watch assert demo-app -n dev --from scaling.jsonl --out '>=3 within 3m' --back '<=1 within 8m'"

step "And everything is gone again"
expect 0 "kind-up down --yes"
