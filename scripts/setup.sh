#!/bin/sh
# Makes the virtual environment named by the first argument: everything pinned by hash, gatepass itself editable.
# May be repeated: it leaves what is right as it is.
set -eu
venv=$1
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "gatepass needs Python 3.11 or newer; name one with: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1
if "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements/bootstrap.txt; then
  VIRTUAL_ENV="$venv" "$venv/bin/uv" pip sync --quiet --require-hashes requirements/bootstrap.txt requirements/dev.txt
else
  echo "uv could not be installed; using pip, which takes about a minute more" >&2
  "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
fi
VIRTUAL_ENV="$venv" sh -c 'if [ -x "$1/bin/uv" ]; then "$1/bin/uv" pip install --quiet --no-deps --no-build-isolation -e .; else "$1/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .; fi' sh "$venv"
