#!/usr/bin/env bash
# Builds the workload here and loads it into a kind cluster, under the names that the values files of dev and prod ask
# for: a cluster shows the whole platform before any pipeline has pushed an image, and on the architecture it runs on.
#
#   scripts/load-demo-app.sh [CLUSTER]      the cluster is devops-cluster where no other is named
#
# Needs cargo, Docker and kind. The pods take it, as they pull only what is not there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cluster=${1:-devops-cluster}

# The value of the parameter `image` of the root Application: a fork changes it there.
image=$(sed -n '/- name: image$/{n;s/^ *value: *//p;}' argocd/root-app.yaml)
names=()
for environment in dev prod; do
    tag=$(sed -n 's/^  tag: "\([^"]*\)".*$/\1/p' "charts/demo-app/values-$environment.yaml")
    if [ -z "$image" ] || [ -z "$tag" ]; then
        echo "error: no image in argocd/root-app.yaml, or no quoted tag in charts/demo-app/values-$environment.yaml" >&2
        exit 2
    fi
    names+=("$image:$tag")
done
for program in docker kind; do
    if ! command -v "$program" >/dev/null; then
        echo "error: there is no program $program" >&2
        exit 3
    fi
done

built=$(scripts/build-demo-app.sh)
echo "$built"
# target/image/ARCH/demo-app: …
arch=${built#target/image/}
arch=${arch%%/*}
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
for name in "${names[@]}"; do
    # No base image, so nothing is pulled.
    docker build --quiet --target prebuilt --file crates/demo-app/Dockerfile --tag "$name" \
        --build-arg "ARCH=$arch" --build-arg "VERSION=${name##*:}" --build-arg "REVISION=$revision" . >/dev/null
done
kind load docker-image --name "$cluster" "${names[@]}"
printf '%s is on the nodes of %s\n' "${names[0]}" "$cluster" "${names[1]}" "$cluster"
