"""Refuses a requirements lock that carries an address or a package without hashes."""

import pathlib
import re
import sys

faults: list[str] = []
for lock in sorted(pathlib.Path("requirements").glob("*.txt")):
    text = lock.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if "://" in line:
            faults.append(f"{lock}:{number}: an address in a lock; run: make lock")
    for match in re.finditer(r"^([A-Za-z0-9._-]+)==(?:[^\n]*\\\n)*[^\n]*$", text, flags=re.MULTILINE):
        if "--hash=sha256:" not in match.group(0):
            faults.append(f"{lock}: {match.group(1)} has no hash; run: make lock")
if faults:
    sys.exit("\n".join(faults))
print("locks: hashed, without addresses")
