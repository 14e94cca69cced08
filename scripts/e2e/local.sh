# shellcheck shell=bash
# The chain with real peers, on loopback. Sourced by scripts/e2e.sh, where the names come from.
# shellcheck disable=SC2154
: "${work:?}" "${root:?}" "${target:?}"

# ── no secret may show: not in an output, a log, a report, nor in the arguments of any process ──
# The third is the login of the registry as HTTP sends it.
printf '%s\n' git-only e2e-only ZTJlOmUyZS1vbmx5 >secrets
beside arguments bash -c 'while sleep 0.05; do grep -lFf secrets /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; done'

# ── Git over smart HTTP, with a password that only a credential store knows ───────────────────
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_TERMINAL_PROMPT=0
mkdir remotes
git init --quiet --bare --initial-branch=main remotes/shop.git
git init --quiet --initial-branch=main seed
cp -R "$root/charts" seed/charts
git -C seed add --all
git -C seed commit --quiet --message "shop: first deployment"
git -C seed push --quiet "$work/remotes/shop.git" main
echo ada:git-only >password
beside git "$target/debug/examples/git-http" remotes password
until_true 10 grep -q http git.log || exit 1
git_address=$(head -n 1 git.log)
remote="${git_address}shop.git"
echo "${git_address/\/\//\/\/ada:git-only@}" >credentials
git config --file gitconfig credential.helper "store --file=$work/credentials"
values=charts/demo-app/values-dev.yaml
tag_in_git() { tag-bump get "$values" --path image.tag; }

# ── a registry with TLS and a password ────────────────────────────────────────────────────────
registry=
if has docker-registry "the registry" && has openssl "the registry" && has skopeo "the registry"; then
    mkdir -p registry certs
    # An authority, and a certificate from it for the registry.
    {
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=e2e authority" -keyout registry/ca.pem -out certs/ca.crt &&
            openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout registry/key.pem -out registry/request.pem &&
            openssl x509 -req -in registry/request.pem -CA certs/ca.crt -CAkey registry/ca.pem -CAcreateserial -days 2 \
                -extfile <(echo subjectAltName=IP:127.0.0.1,DNS:localhost) -out registry/certificate.pem
    } >openssl.log 2>&1 || exit 1
    # The password is e2e-only.
    # shellcheck disable=SC2016
    echo 'e2e:$2b$05$iDqQp4fYzIVcro5FW7LUwO9ZCNy9twE4cqn9xdKbVJxQyRK/uK/eO' >registry/htpasswd
    registry_port=$(free_port)
    cat >registry/config.yml <<CONFIG
version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: $work/registry/data}
  delete: {enabled: true}
http:
  addr: 127.0.0.1:$registry_port
  tls: {certificate: $work/registry/certificate.pem, key: $work/registry/key.pem}
auth:
  htpasswd: {realm: e2e, path: $work/registry/htpasswd}
CONFIG
    beside registry docker-registry serve registry/config.yml
    until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$registry_port" 2>/dev/null || exit 1
    registry="127.0.0.1:$registry_port"
    mkdir -p docker
    printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$registry" "$(printf e2e:e2e-only | base64)" >docker/config.json
    export DOCKER_CONFIG="$work/docker"
fi

# ── images ────────────────────────────────────────────────────────────────────────────────────
engine=no
if has docker "images and scans" && has trivy "images and scans"; then
    if start_docker "$root/.tools/docker"; then
        engine=yes
        mkdir -p trivy && cp -R "$root/crates/trivy-gate/tests/fixtures/trivy-db/db" trivy/db
    else
        skipped+=("images and scans: $docker_why")
    fi
fi

if [ "$engine" = yes ]; then
    image="${registry:-127.0.0.1:5000}/shop"
    scan="trivy image --quiet --cache-dir $work/trivy --skip-db-update --offline-scan --scanners vuln --format json"

    step "Docker builds two images"
    expect 0 "DOCKER_BUILDKIT=0 docker build --quiet --tag $image:1.2.3 $root/scripts/demo/images/clean"
    expect 0 "DOCKER_BUILDKIT=0 docker build --quiet --tag $image:dev-1a2b3c4 $root/scripts/demo/images/vulnerable"

    step "Trivy scans the vulnerable one, and the gate keeps it out of Git"
    expect 10 "$scan $image:dev-1a2b3c4 | trivy-gate - --expect-image $image:dev-1a2b3c4 -o json | tag-bump $values --path image.tag --repo $remote --from - --push"
    shows "commits on the remote" "$(git -C remotes/shop.git rev-list --count main)" 1

    if [ -n "$registry" ]; then
        step "The clean one is scanned, and published to the registry"
        expect 0 "$scan $image:1.2.3 | trivy-gate - --expect-image $image:1.2.3"
        expect 0 "docker save --output clean.tar $image:1.2.3"
        expect 0 "skopeo copy --quiet --authfile docker/config.json --dest-cert-dir certs docker-archive:clean.tar docker://$image:1.2.3"
        expect 0 "! skopeo inspect --no-creds --cert-dir certs docker://$image:1.2.3"
    fi

    step "Its tag lands in Git over HTTP"
    expect 0 "$scan $image:1.2.3 | trivy-gate - --expect-image $image:1.2.3 -o json | tag-bump $values --path image.tag --repo $remote --from - --push"
    shows "commits on the remote" "$(git -C remotes/shop.git rev-list --count main)" 2
    rm -rf checkout
    git clone --quiet "$remote" checkout
    shows "the tag in Git" "$(cd checkout && tag_in_git)" 1.2.3
fi

if [ "$engine" = yes ] && [ -n "$registry" ]; then
    cat >autoscaleops.yaml <<CONFIG
image-watch:
  repository: $remote
  cache: $work/cache
  registries:
    - {host: "$registry", ca_file: certs/ca.crt}
  images:
    - name: prod
      image: $registry/shop
      strategy: semver
      constraint: ">=1.0, <2"
      target: {file: charts/demo-app/values-prod.yaml, path: image.tag}
CONFIG
    step "A release in the registry comes to prod"
    expect 3 "DOCKER_CONFIG=/nonexistent image-watch check"
    expect 0 "image-watch check --write"
    git -C checkout pull --quiet
    shows "the tag of prod in Git" "$(cd checkout && tag-bump get charts/demo-app/values-prod.yaml --path image.tag)" 1.2.3
    expect 0 "image-watch check -o json"
fi

if has helm "rendering the chart"; then
    step "Helm renders the chart as it stands in Git"
    [ -d checkout ] || git clone --quiet "$remote" checkout
    expect 0 "helm template shop checkout/charts/demo-app --values checkout/$values | grep -E 'image:|nodePort:'"
fi

# ── a cluster, asked by the real kubectl ──────────────────────────────────────────────────────
if command -v helm >/dev/null && has kubectl "the cluster under kubectl"; then
    dev_port=$(free_port)
    dev_port=$((30000 + dev_port % 2700))
    mkdir -p checkout/rendered
    helm template shop checkout/charts/demo-app --skip-tests --namespace dev --values "checkout/$values" \
        --set service.nodePort="$dev_port" --set serviceMonitor.enabled=false >checkout/rendered/dev.yaml
    git -C checkout add --all
    git -C checkout commit --quiet --message "dev: rendered"
    git -C checkout push --quiet origin main
    # The sync reads the repository from the disk: it has no use for credentials here.
    sed -n '1,/^---/p' "$root/scripts/demo/applications.yaml" | sed "s|REMOTE|file://$work/remotes/shop.git|; s|path: dev|path: rendered|; /^---/d" >applications.yaml
    cat >cluster.yaml <<CONFIG
kind-up:
  provider: embedded
  cluster: e2e
  state_dir: $work/cluster
  root_app: ""
  manifests: [applications.yaml]
  embedded:
    images:
      ghcr.io/autoscaleops/demo-app: {program: $target/debug/demo-app}
    git_period: 1s
    sync_period: 2s
CONFIG
    step "The rendered chart runs in the embedded cluster"
    # shellcheck disable=SC2034 # read when cleaning up
    cluster=up
    expect 0 "kind-up up --config cluster.yaml"
    KUBECONFIG=$(kind-up kubeconfig --path --config cluster.yaml)
    export KUBECONFIG
    expect 0 "kubectl rollout status deployment --namespace dev --timeout 60s"
    expect 0 "kubectl get nodes,deployments,pods,services,hpa --namespace dev"
    expect 0 "kubectl describe hpa --namespace dev | head -n 20"
    expect 0 "curl --silent --max-time 5 http://127.0.0.1:$dev_port/version"
fi

# ── the workload itself ───────────────────────────────────────────────────────────────────────
app_port=$(free_port)
beside app env APP_VERSION=1.2.3 demo-app --listen "127.0.0.1:$app_port"
until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$app_port" 2>/dev/null || exit 1
address="http://127.0.0.1:$app_port"

if has prometheus "scraping"; then
    prometheus_port=$(free_port)
    cat >prometheus.yml <<CONFIG
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["127.0.0.1:$app_port"], labels: {namespace: dev, pod: shop-1}}]
CONFIG
    beside prometheus prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address="127.0.0.1:$prometheus_port"
fi

step "k6-run runs the script, and so does the real k6"
expect 0 "k6-run run --engine native -e BASE_URL=$address -e LOAD_MS=5 $root/scripts/k6/smoke.js"
if has k6 "the script under the real k6"; then
    expect 0 "k6 run --quiet --no-color -e BASE_URL=$address -e LOAD_MS=5 $root/scripts/k6/smoke.js | tail -n 25"
fi

if [ -n "${prometheus_port:-}" ]; then
    step "Prometheus saw the load"
    seen() { promtool query instant "http://127.0.0.1:$prometheus_port" 'sum(app_http_requests_total) > 20' 2>/dev/null | grep -q '=>'; }
    until_true 30 seen || say "Prometheus has no samples yet"
    expect 0 "promtool query instant http://127.0.0.1:$prometheus_port 'sum by (path) (app_http_requests_total)' | grep /load"

    if has jq "the queries of the dashboards"; then
        step "Prometheus answers every query of the dashboards"
        expect 0 "$root/scripts/e2e/dashboards.sh http://127.0.0.1:$prometheus_port $root/charts/observability/dashboards/*.json"
    fi
fi

step "No secret showed"
# Everywhere but in the files that are there to hold one.
expect 0 "! grep -rlFf secrets --exclude=secrets --exclude=password --exclude=credentials --exclude-dir=docker ."
shows "processes with a secret among their arguments or in their environment" "$(sort -u arguments.log | wc -l)" 0
if grep -qFf secrets <<<"$story_rows"; then
    echo "${red}a secret stands in the output of a step${plain}"
    exit 1
fi
