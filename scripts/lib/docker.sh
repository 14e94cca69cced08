# shellcheck shell=bash
# A Docker engine for scripts: the one that runs already, else one of our own, without a network
# bridge, started and stopped by the script that sources this file. Needs root and `dockerd`.

docker_pid=
# Read by the script that sources this file.
# shellcheck disable=SC2034
docker_why=

# start_docker FOLDER: afterwards `docker` works, or the function fails with the reason in docker_why.
start_docker() {
    local folder="$1"
    if docker info >/dev/null 2>&1; then
        return 0
    fi
    if ! command -v dockerd >/dev/null; then
        docker_why="no Docker engine runs here, and dockerd is not installed"
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        docker_why="no Docker engine runs here, and only root may start one"
        return 1
    fi
    # On a busy machine the engine gives up on its own parts after ten seconds; it may try again.
    for _ in 1 2 3; do
        if try_docker "$folder"; then return 0; fi
    done
    return 1
}

try_docker() {
    local folder="$1"
    mkdir -p "$folder"
    # A socket's path may be 107 bytes at most, so it is not put below the repository.
    docker_socket=$(mktemp -d /tmp/engine.XXXXXX)
    dockerd --host "unix://$docker_socket/docker.sock" --data-root "$folder/data" --exec-root "$docker_socket/exec" \
        --pidfile "$docker_socket/pid" --iptables=false --ip6tables=false --bridge=none \
        >"$folder/dockerd.log" 2>&1 &
    docker_pid=$!
    export DOCKER_HOST="unix://$docker_socket/docker.sock"
    for _ in $(seq 100); do
        if docker info >/dev/null 2>&1; then
            return 0
        fi
        kill -0 "$docker_pid" 2>/dev/null || break
        sleep 0.2
    done
    # shellcheck disable=SC2034
    docker_why="dockerd does not start here: $(grep -E 'failed|error' "$folder/dockerd.log" | tail -n 1 | cut -c 1-160)"
    stop_docker
    unset DOCKER_HOST
    return 1
}

stop_docker() {
    if [ -n "$docker_pid" ]; then
        kill "$docker_pid" 2>/dev/null
        wait "$docker_pid" 2>/dev/null
        docker_pid=
        # Left behind by containers on the host's network; a folder with a mount in it cannot be removed.
        umount "$docker_socket/exec/netns/default" 2>/dev/null
        rm -rf "$docker_socket"
    fi
    return 0
}
