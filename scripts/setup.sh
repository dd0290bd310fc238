#!/bin/sh
# Makes the virtual environment named by the first argument: everything pinned by hash, gatepass itself editable.
# May be repeated: it leaves what is right as it is. What the network spoils is tried again.
set -eu
venv=$1
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "gatepass needs Python 3.11 or newer; name one with: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
"$venv/bin/python" -m pip --version > /dev/null 2>&1 || {  # absent, or left half made by a run that was ended
  rm -rf "$venv"
  "$python" -m venv "$venv"
}
export VIRTUAL_ENV="$venv" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_RETRIES=5 PIP_TIMEOUT=60 UV_HTTP_TIMEOUT=120
if [ "$(id -u)" = 0 ]; then export PIP_ROOT_USER_ACTION=ignore; fi
# A home that is absent or cannot be written to is no reason to fail: caches are then done without.
if ! (mkdir -p "${XDG_CACHE_HOME:-${HOME:?}/.cache}" && [ -w "${XDG_CACHE_HOME:-$HOME/.cache}" ]) 2> /dev/null; then
  export PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
fi

# Up to three times, a little later each time: an index that is slow or away for a moment.
patiently() {
  for pause in 5 20 0; do
    if "$@"; then return 0; fi
    [ "$pause" = 0 ] || { echo "once more in $pause s: $*" >&2; sleep "$pause"; }
  done
  return 1
}

pip="$venv/bin/python -m pip install --quiet"
if patiently $pip --require-hashes -r requirements/bootstrap.txt; then
  patiently "$venv/bin/uv" pip sync --quiet --require-hashes requirements/bootstrap.txt requirements/dev.txt
  "$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation -e .
else
  echo "uv could not be installed; using pip, which takes about a minute more" >&2
  patiently $pip --no-deps --require-hashes -r requirements/dev.txt
  $pip --no-deps --no-build-isolation -e .
fi
