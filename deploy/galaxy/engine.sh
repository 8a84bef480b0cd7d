# Sourced by Galaxy's job scripts, which then call these functions in place of the container engine: they keep secrets
# off its command line and out of the container's environment, make a ticket for the door (NEBULAB_TICKETS) of a port
# that a container without network can't publish, and give a session that is stopped time to end.
# It brings ending.sh along, which lies beside it.
# Functions and no program: what the script calls them with is then no process's command line either.

. "${BASH_SOURCE[0]%/*}/ending.sh"

# Leave a file for the session, which takes and deletes it before any of the user's code runs.
_nebulab_hand_over() {
    (umask 077 && printf %s "$2" >"$_GALAXY_JOB_DIR/working/$1")
    chown --reference="$_GALAXY_JOB_DIR/working" "$_GALAXY_JOB_DIR/working/$1"
}

_nebulab_ticket() {
    local secret digest
    secret=$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')
    digest=$(printf %s "$secret" | sha256sum)
    printf '%s\n' "$_GALAXY_JOB_DIR" >"$NEBULAB_TICKETS/${digest%% *}"
    _nebulab_hand_over nebulab-ticket "$secret"
}

_nebulab_engine() {
    local engine=$1 argument port=
    local -a arguments=()
    shift
    if [ "$1" = kill ]; then
        # Apart from the job's own processes, which Galaxy kills.
        setsid "$engine" stop --time 10 "${@:2}" </dev/null &>/dev/null &
        _nebulab_await
        return
    fi
    for argument in "$@"; do
        if [ -n "$port" ]; then
            port=
            continue
        fi
        case $argument in
        # In the environment kernels would find the key: a container's first process keeps what it was started with.
        API_KEY=*)
            unset 'arguments[-1]'
            _nebulab_hand_over nebulab-key "$API_KEY"
            ;;
        JUPYTER_TOKEN=*) arguments+=(JUPYTER_TOKEN) ;;
        -p)
            if [ -n "$NEBULAB_TICKETS" ]; then
                port=next
                _nebulab_ticket
            else
                arguments+=("$argument")
            fi
            ;;
        *) arguments+=("$argument") ;;
        esac
    done
    (
        # podman hands a machine's proxies, and their passwords, to its containers; these have the door's own.
        if [ -n "$NEBULAB_TICKETS" ] && [ "$1" = run ]; then
            unset http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
        fi
        command "$engine" "${arguments[@]}"
    )
}

# Apptainer takes a container's variables from its own environment, which its first process keeps for kernels to read.
_nebulab_apptainer() {
    local program=$1 working=$_GALAXY_JOB_DIR/working publisher code
    shift
    if [ -n "${SINGULARITYENV_API_KEY:-}" ]; then
        (umask 077 && printf %s "$SINGULARITYENV_API_KEY" >"$working/nebulab-key")
    fi
    _nebulab_publish "$working/nebulab-port.json" </dev/null &>/dev/null &
    publisher=$!
    (
        unset API_KEY SINGULARITYENV_API_KEY
        command "$program" "$@"
    ) && code=0 || code=$?
    kill "$publisher" 2>/dev/null
    return "$code"
}

# Copies the session's port from its report to the file that Galaxy reads and the container can't write. The port alone:
# a session must not send Galaxy's proxy to another machine.
_nebulab_publish() {
    local port there=$_GALAXY_JOB_DIR/container_runtime.json
    until [ -s "$1" ]; do sleep 0.2; done
    port=$(sed -nE 's/.*"port": ([0-9]{1,5}),.*/\1/p' "$1")
    [ -n "$port" ] || return
    printf '{"8888": {"tool_port": 8888, "host": "127.0.0.1", "port": %d, "protocol": "tcp"}}' "$port" >"$there.new"
    mv "$there.new" "$there"
}

docker() { _nebulab_engine docker "$@"; }
podman() { _nebulab_engine podman "$@"; }
singularity() { _nebulab_apptainer singularity "$@"; }
apptainer() { _nebulab_apptainer apptainer "$@"; }
