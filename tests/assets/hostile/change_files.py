# expect: nothing
"""Changes modes, owners, times and attributes of files: what Landlock does not guard."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    done = []
    path = os.__file__  # the one file it can surely name, and changes to what it already is
    seen = os.stat(path)
    for name, change in {
        "chmod": lambda: os.chmod(path, seen.st_mode & 0o7777),
        "chown": lambda: os.chown(path, seen.st_uid, seen.st_gid),
        "utime": lambda: os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns)),
        "setxattr": lambda: os.setxattr(path, "user.gatepass", b"x"),
        "nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, 19),
        "affinity": lambda: os.sched_setaffinity(0, {0}),
        "truncate": lambda: os.truncate(path, seen.st_size),
        "link": lambda: os.link(path, path + ".gatepass"),
        "rename": lambda: os.rename(path, path),
        "mkdir": lambda: os.mkdir("/tmp/gatepass-was-here"),
    }.items():
        try:
            change()
            done.append(name)
        except OSError:
            continue
    return " ".join(done) or "nothing"
