#!/bin/sh
# Put uv into its own environment: bootstrap.sh PYTHON FOLDER
#
# A plain Debian python3 comes without ensurepip. Then pip is unpacked from
# Debian's own package into FOLDER, so that neither root nor a change outside
# this project is needed.
set -eu
python=$1
folder=$2
lock=$(dirname "$0")/bootstrap.lock

# Pinned, by hash, and from a wheel: this runs before anything else could check it.
install() {
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-deps --only-binary :all: --require-hashes --requirement "$lock"
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "llm_manager needs Python 3.11 or newer; $python is $("$python" -V). Try: make PYTHON=python3.12 ..." >&2
    exit 1
fi

rm -rf "$folder"
if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$folder"
    install
    exit 0
fi

command -v apt-get >/dev/null || {
    echo "this Python has no ensurepip: install your system's venv package (on Debian: python3-venv)" >&2
    exit 1
}
"$python" -m venv --without-pip "$folder"
root=$(cd "$folder" && pwd)
mkdir -p "$root/debian/lists/partial" "$root/debian/cache/archives/partial"
options="-qq -o Dir::State::lists=$root/debian/lists -o Dir::Cache=$root/debian/cache -o APT::Sandbox::User=root"
(
    cd "$root/debian"
    # shellcheck disable=SC2086
    apt-get $options update
    # shellcheck disable=SC2086
    apt-get $options download python3-pip-whl
    dpkg -x python3-pip-whl_*.deb .
)
wheel=$(ls "$root"/debian/usr/share/python-wheels/pip-*.whl)
PYTHONPATH=$wheel install
rm -rf "$root/debian"
