# Sourced by Galaxy's job scripts. Galaxy stops a job by SIGTERM, collects as soon as this script has ended, and sends
# SIGKILL after a second. So the script ends when the session has laid out its last outputs and made the file `kept`, which
# it does at every end. Other jobs have no such folders and are not waited for.
_nebulab_await() {
    local folder=$_GALAXY_JOB_DIR/working ends=$(($(date +%s%3N) + 700))
    # By the clock: on a busy machine many short sleeps take longer than their sum, and SIGKILL comes after a second.
    while (($(date +%s%3N) < ends)); do
        [ ! -e "$folder/kept" ] && { [ -d "$folder/mirror" ] || [ -d "$folder/results" ]; } || return 0
        sleep 0.05
    done
}

# A full disk has no room for Galaxy's database either: a job that ends then would be "running" until Galaxy is started
# again. So it ends when there is room, after ten minutes in any case.
_nebulab_await_room() {
    local second there=$_GALAXY_JOB_DIR/room
    for ((second = 0; second < 600; second++)); do
        # Nothing can be written into a folder that is gone, or is read-only, for other reasons.
        [ -w "$_GALAXY_JOB_DIR" ] || return 0
        head -c 1000000 /dev/zero >"$there" && break
        rm -f "$there"
        sleep 1
    done 2>/dev/null
    rm -f "$there"
}

# On a full disk the file of the tool's exit code is empty, and Galaxy takes a job without an exit code for ok.
_nebulab_keep_exit_code() {
    local there=$_GALAXY_JOB_DIR/galaxy_${_GALAXY_JOB_DIR##*/}.ec
    [ -z "${return_code:-}" ] || [ -s "$there" ] || [ ! -d "$_GALAXY_JOB_DIR" ] || echo "$return_code" >"$there"
}

trap '_nebulab_await; _nebulab_await_room; _nebulab_keep_exit_code' EXIT
