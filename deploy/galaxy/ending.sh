# Sourced by Galaxy's job scripts. Galaxy stops a job by SIGTERM, collects as soon as this script has ended, and kills what
# is left of it after a second. So the script ends when the session has laid out what was saved last: it makes the file
# `kept` then, at every end of its own too, and other jobs have no such folders and are not waited for.
_nebulab_await() {
    local tenth folder=$_GALAXY_JOB_DIR/working
    for tenth in 1 2 3 4 5 6 7 8; do
        [ ! -e "$folder/kept" ] && { [ -d "$folder/mirror" ] || [ -d "$folder/results" ]; } || return 0
        sleep 0.1
    done
}
trap _nebulab_await EXIT
