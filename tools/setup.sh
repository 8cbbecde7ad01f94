#!/usr/bin/env bash
# Sets up what `make` needs. `setup.sh` makes .venv from the hashed lock; `setup.sh system` sees to the Debian
# packages of the component tests as well. Doing it again is instant: a stamp in .venv says for what it was made.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly stamp=.venv/.andon-stamp

fail() {
    echo "setup: $*" >&2
    exit 1
}

as_root_with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

apt_install() {
    echo "setup: installing $* by apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian starts these when they are installed, and at each boot. The tests run their own.
leave_none_running() {
    local each service
    for each in "$@"; do
        case $each in
        slapd) service=(slapd) ;;
        prometheus) service=(prometheus prometheus-node-exporter) ;;
        nginx) service=(nginx) ;;
        *) continue ;;
        esac
        if command -v systemctl >/dev/null && systemctl is-active --quiet "$each" 2>/dev/null; then
            systemctl --quiet disable --now "${service[@]}" || true
        elif command -v service >/dev/null; then
            for each in "${service[@]}"; do
                service "$each" stop >/dev/null 2>&1 || true
            done
        fi
    done
}

# The first Python that is new enough; PYTHON=... names another.
find_python() {
    local each
    for each in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$each"
            return
        fi
    done
    each=${PYTHON:-python3}
    fail "Andon needs Python 3.11 or newer, and $each is $("$each" --version 2>/dev/null || echo missing);" \
        "install one, or name it: make PYTHON=/path/to/python"
}

# What .venv must be made for. A change of any of these makes it again.
wanted() {
    cat requirements.lock pyproject.toml apps/*/pyproject.toml tools/setup.sh | sha256sum
}

make_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        as_root_with_apt || fail "this Python cannot make environments: apt-get install python3-venv"
        apt_install python3-venv
    fi
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear .venv
    fi
}

setup_python() {
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(wanted)" ]; then
        return
    fi
    make_venv
    echo "setup: Python packages into .venv (the first time takes some minutes)"
    local pip=(.venv/bin/python -m pip --quiet --disable-pip-version-check --no-input)
    "${pip[@]}" install --require-hashes --no-deps -r requirements.lock
    local project editable=()
    for project in . apps/*/; do
        [ -f "$project/pyproject.toml" ] && editable+=(-e "$project")
    done
    "${pip[@]}" install --no-deps --no-build-isolation "${editable[@]}"
    wanted >"$stamp"
}

# What freezes an application (PyInstaller asks objdump), and what Qt needs to draw one, even without a screen.
missing_for_applications() {
    command -v objdump >/dev/null || missing+=(binutils)
    local known each
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
    for each in libEGL.so.1:libegl1 libGL.so.1:libgl1 libxkbcommon.so.0:libxkbcommon0 \
        libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1 libxcb-cursor.so.0:libxcb-cursor0 \
        libxcb-icccm.so.4:libxcb-icccm4 libxcb-keysyms.so.1:libxcb-keysyms1; do
        [[ $known == *"${each%%:*} "* ]] || missing+=("${each##*:}")
    done
}

missing_for_tests() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
        missing+=(postgresql)
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
    compgen -G '/usr/share/fonts/*/noto/*CJK*' >/dev/null || missing+=(fonts-noto-cjk)
    PATH=$PATH:/usr/sbin command -v slapd >/dev/null || missing+=(slapd)
    command -v ldapmodify >/dev/null || missing+=(ldap-utils)
    command -v prometheus >/dev/null || missing+=(prometheus)
    PATH=$PATH:/usr/sbin command -v nginx >/dev/null || missing+=(nginx)
}

setup_packages() {
    if [ ${#missing[@]} = 0 ]; then
        return
    fi
    as_root_with_apt || fail "this needs ${missing[*]}: sudo apt-get install ${missing[*]}"
    apt_install "${missing[@]}"
    leave_none_running "${missing[@]}"
}

setup_python
missing=()
case "${1:-}" in
applications) missing_for_applications ;;
system)
    missing_for_applications
    missing_for_tests
    ;;
esac
setup_packages
