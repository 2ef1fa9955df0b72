# Makes this machine a node of the farm whose address is the first argument.
# The command that ran this has verified it, and has the token in FRONTBURNER_TOKEN.
set -eu
wanted='@PYTHON@' # as the manager's: packages of another Python don't fit

python_fits() {
    "$1" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$wanted')" >/dev/null 2>&1
}

find_python() {
    for each in "python$wanted" python3 python "/opt/homebrew/bin/python$wanted" "/usr/local/bin/python$wanted" \
        "/Library/Frameworks/Python.framework/Versions/$wanted/bin/python3" "$HOME/.local/bin/python$wanted"; do
        if command -v "$each" >/dev/null 2>&1 && python_fits "$each"; then
            echo "$each"
            return
        fi
    done
    command -v uv >/dev/null 2>&1 && uv python find "$wanted" 2>/dev/null
}

install_python() {
    as_root=sudo
    if [ "$(id -u)" = 0 ]; then as_root=; fi
    if command -v brew >/dev/null 2>&1; then command="brew install python@$wanted"
    elif command -v apt-get >/dev/null 2>&1; then command="$as_root apt-get install -y python$wanted-venv"
    elif command -v dnf >/dev/null 2>&1; then command="$as_root dnf install -y python$wanted"
    else command="uv python install $wanted"
    fi
    echo "The farm's nodes need Python $wanted, which this machine lacks. It is installed now: $command" >&2
    $command >&2 || true
}

python=$(find_python) || { install_python; python=$(find_python); } || {
    echo "Python $wanted is still missing. Install it, with its venv, then paste the command again:" >&2
    echo "  https://www.python.org/downloads, or: curl -LsSf https://astral.sh/uv/install.sh | sh; uv python install $wanted" >&2
    exit 1
}
"$python" - "$@" <<'END_OF_PROGRAM'
@PROGRAM@
END_OF_PROGRAM
