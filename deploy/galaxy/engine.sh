# Sourced by Galaxy's job scripts, which then call these functions in place of the container engine: they keep secrets
# off its command line and out of the container's environment, and give a session that is stopped time to end.
# Functions and no program: what the script calls them with is then no process's command line either.

_nebulab_engine() {
    local engine=$1 argument
    local -a arguments=()
    shift
    if [ "$1" = kill ]; then
        # Apart from the job's own processes, which Galaxy kills.
        setsid "$engine" stop --time 10 "${@:2}" </dev/null &>/dev/null &
        return
    fi
    for argument in "$@"; do
        case $argument in
        # The session takes and deletes the file. In the environment kernels would find the key: a container's first
        # process keeps what it was started with.
        API_KEY=*)
            unset 'arguments[-1]'
            (umask 077 && printf %s "$API_KEY" >"$_GALAXY_JOB_DIR/working/nebulab-key")
            chown --reference="$_GALAXY_JOB_DIR/working" "$_GALAXY_JOB_DIR/working/nebulab-key"
            ;;
        JUPYTER_TOKEN=*) arguments+=(JUPYTER_TOKEN) ;;
        *) arguments+=("$argument") ;;
        esac
    done
    command "$engine" "${arguments[@]}"
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

# What the session says of its port, carried to where Galaxy looks and the container can't write. The port alone: whoever
# can write there must not send Galaxy's proxy to another machine.
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
