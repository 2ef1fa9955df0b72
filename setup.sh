#!/bin/sh
# Sets Frontburner up in this folder, without make. ./setup.sh --help shows the options.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

find_python() {
    for each in python3.11 python3.12 python3.13 python3.14 python3 python \
        /opt/homebrew/bin/python3.11 /usr/local/bin/python3.11; do
        if command -v "$each" >/dev/null 2>&1 && fits "$each"; then
            command -v "$each"
            return
        fi
    done
    return 1
}

install_command() {
    as_root='sudo '
    if [ "$(id -u)" = 0 ]; then as_root=; fi
    if command -v brew >/dev/null 2>&1; then
        echo 'brew install python@3.11'
    elif command -v apt-get >/dev/null 2>&1; then
        echo "${as_root}apt-get install -y python3 python3-venv"
    elif command -v dnf >/dev/null 2>&1; then
        echo "${as_root}dnf install -y python3.11"
    fi
}

python=$(find_python) || {
    how=$(install_command)
    echo "Python 3.11 or newer, with its venv, is missing on this machine. Install it, then run this again:" >&2
    echo "    ${how:-https://www.python.org/downloads}" >&2
    exit 1
}
exec "$python" "$here/setup_environment.py" "$@"
