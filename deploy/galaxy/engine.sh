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

docker() { _nebulab_engine docker "$@"; }
podman() { _nebulab_engine podman "$@"; }
