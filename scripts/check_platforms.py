"""Types of what runs on people's machines, as macOS and Windows see them; `make check` sees them as Linux does."""

import subprocess
import sys

from gatepass.cli.doctor.command import PARTS
from gatepass.cli.main import SECTIONS

LAPTOP = ("Ask and decide", "Use AWS from your laptop", "Sessions and secrets of this laptop")
places = [place for title in LAPTOP for place in SECTIONS[title].values()]
modules = sorted({place.partition(":")[0] for place in [*places, PARTS["laptop"], "gatepass.cli.entry"]})
chosen = ["-p", "gatepass.sessions", *(word for module in modules for word in ("-m", module))]
code = 0
for platform in ("win32", "darwin"):
    cache = f".mypy_cache/{platform}"  # what is cached for one platform holds for no other
    command = [sys.executable, "-m", "mypy", "--platform", platform, "--cache-dir", cache, *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"{platform}: {done.stdout.strip()}{done.stderr}")
    code = code or done.returncode
sys.exit(code)
