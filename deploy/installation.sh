# shellcheck shell=sh
# Where an installation is, and what install and upgrade both do. Sourced by the two.
#
# /opt/portal/source.git       what versions are taken from
# /opt/portal/versions/<id>    one version each, with its own environment; never changed again
# /opt/portal/current          the one in use
# /opt/portal/.env, instance/  settings and data, of all versions
# /opt/portal/backups/         one before each upgrade

HOME_DIR=${PORTAL_HOME:-/opt/portal}
OWNER=${PORTAL_USER:-portal}
UNITS=${PORTAL_UNITS:-/etc/systemd/system}
SYSTEMCTL=${PORTAL_SYSTEMCTL:-systemctl}
PYTHON=${PYTHON:-python3}
PATIENCE=${PORTAL_PATIENCE:-60} # seconds in which a start has to answer
SERVICES="portal-web.service portal-worker.service"

say() {
    printf '%s\n' "$*"
}

refuse() {
    printf 'Refused: %s\n' "$*" >&2
    exit 1
}

require_root() {
    [ "$(id -u)" = 0 ] || [ "$OWNER" = "$(id -un)" ] || refuse "run this as root."
}

# Runs a command as the portal's own user, with nothing of ours that others could read.
as_portal() {
    umask 077
    if [ "$OWNER" = "$(id -un)" ]; then
        "$@"
    else
        runuser -u "$OWNER" -- "$@"
    fi
}

# A flask command of one version: of_version <folder> <words …>
of_version() (
    cd "$1" || exit 1
    shift
    as_portal .venv/bin/python -m flask --app wsgi "$@"
)

# The folder of a commit, built if it is not there; whole, or not at all.
build() {
    chmod 700 "$HOME_DIR/source.git" # the history of the source is not the portal's to read
    folder=$HOME_DIR/versions/$1
    if [ ! -d "$folder" ]; then
        rm -rf "$folder.part"
        mkdir -p "$folder.part"
        git -C "$HOME_DIR/source.git" archive "$1" | tar -x -C "$folder.part"
        ln -s "$HOME_DIR/.env" "$folder.part/.env"
        ln -s "$HOME_DIR/instance" "$folder.part/instance"
        # Versions that need the same packages share an environment.
        needs=$(sha256sum <"$folder.part/requirements.txt" | cut -c 1-16)
        environment "$HOME_DIR/environments/$needs" "$folder.part/requirements.txt"
        ln -s "$HOME_DIR/environments/$needs" "$folder.part/.venv"
        "$folder.part/.venv/bin/python" -m compileall -q \
            -s "$folder.part" -p "$folder" "$folder.part/portal" "$folder.part/wsgi.py"
        mv "$folder.part" "$folder"
    fi
}

# environment <folder> <requirements>; the mark beside it says that it is whole.
environment() {
    [ ! -e "$1.complete" ] || return 0
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        refuse "$PYTHON is older than 3.11; name a newer one: PYTHON=python3.12 $0"
    say "Installing the packages it needs …"
    rm -rf "$1"
    "$PYTHON" -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --no-input \
        --require-hashes --requirement "$2"
    touch "$1.complete"
}

# Each step only after the one before: within a condition `set -e` does not hold.
switch_to() {
    ln -sfn "versions/$1" "$HOME_DIR/current.new" &&
        mv -T "$HOME_DIR/current.new" "$HOME_DIR/current" && # in one step, which ln can't
        install -m 644 -t "$UNITS" "$HOME_DIR"/current/deploy/systemd/*.service &&
        "$SYSTEMCTL" daemon-reload
}

stop() {
    # shellcheck disable=SC2086
    "$SYSTEMCTL" stop $SERVICES
}

# Starts web server and worker; true once the portal answers and the worker stays.
start() {
    # shellcheck disable=SC2086
    "$SYSTEMCTL" start $SERVICES &&
        (cd "$HOME_DIR/current" && .venv/bin/python deploy/answers.py "$PATIENCE") &&
        "$SYSTEMCTL" is-active --quiet portal-worker.service
}
