#!/bin/sh
# Makes a Python environment that holds pacte_eval from this folder alone: sh install.sh [FOLDER]
set -eu

environment=${1:-venv}
here=$(cd "$(dirname "$0")" && pwd)

refuse() {
    echo "install: $1" >&2
    exit 2
}

[ ! -e "$environment" ] || refuse "$environment exists already: remove it, or give another folder."
command -v @PYTHON@ > /dev/null || refuse "@PYTHON@ is not on the PATH: install it, or make the bundle again with the Python of this machine."
platform=$(@PYTHON@ -c "import sysconfig; print(sysconfig.get_platform())")
[ "$platform" = "@PLATFORM@" ] || refuse "this bundle is for @PLATFORM@ and this machine is $platform: make the bundle again on a machine of this kind."
@PYTHON@ -c "import venv, ensurepip" 2> /dev/null || refuse "@PYTHON@ comes without venv and pip, which Debian has in the package @PYTHON@-venv: install it and run this again."
(cd "$here" && sha256sum --check --strict --quiet SHA256SUMS) || refuse "a file of $here is not the one that was bundled: copy the bundle again."

echo "install: every file is the one that was bundled; installing in $environment"
trap 'rm -rf "$environment"' EXIT
trap 'exit 2' HUP INT TERM
@PYTHON@ -m venv "$environment"
PIP_CONFIG_FILE=/dev/null "$environment/bin/python" -I -m pip --isolated install --quiet \
    --disable-pip-version-check --no-input --no-cache-dir --no-compile \
    --no-index --find-links "$here/wheels" --require-hashes --requirement "$here/requirements.txt" ||
    refuse "pip could not install; its own message is above, and $environment was removed."
trap - EXIT
echo "install: done; $environment/bin/pacte doctor says what this machine has."
