#!/usr/bin/env bash
# Builds a release's archive twice, from two clones in two folders, and compares the digests of the programs and of the
# archives. Without a name all six programs: half an hour on two cores.
#
#   scripts/reproducible.sh                    10 when a digest differs
#   scripts/reproducible.sh trivy-gate tag-bump
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
    -*)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
        exit 2
        ;;
esac
# What the programs name their dependencies in, where it is there, is compared too.
export PATH="$root/.tools/bin:$PATH"
tools=("$@")
if [ "${#tools[@]}" -eq 0 ]; then tools=(hpa-watch image-watch k6-run kind-up tag-bump trivy-gate); fi
host=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One commit for both, also where somebody goes on working meanwhile.
commit=$(git -C "$root" rev-parse HEAD)
# Names of different length: a path that is left in a program would move what comes after it.
for folder in one the-other-one; do
    git clone --quiet "$root" "$work/$folder"
    git -C "$work/$folder" checkout --quiet --detach "$commit"
    "$work/$folder/scripts/package.sh" "$version" "$host" "${tools[@]}" >/dev/null
done

worst=0
compare() {
    local one other
    one=$(sha256sum <"$work/one/$1" | cut -d ' ' -f 1)
    other=$(sha256sum <"$work/the-other-one/$1" | cut -d ' ' -f 1)
    if [ "$one" = "$other" ]; then
        echo "the same:  $(basename "$1")  sha256:$one"
    else
        echo "DIFFERENT: $(basename "$1")  sha256:$one  sha256:$other"
        worst=10
    fi
}
for tool in "${tools[@]}"; do
    compare "target/release-build/$host/release/$tool"
    # The same path twice makes no difference, and still differs on another machine.
    if grep -aqF -e "$work" -e "${CARGO_HOME:-$HOME/.cargo}/" "$work/one/target/release-build/$host/release/$tool"; then
        echo "DIFFERENT: $tool has a path of this machine in it"
        worst=10
    fi
done
compare "target/package/autoscaleops-$version-$host.tar.gz"
exit "$worst"
