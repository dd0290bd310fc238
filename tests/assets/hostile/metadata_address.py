# expect: nothing
"""Fetches the credentials of the machine from the metadata service, in three ways."""

import socket
import urllib.request

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    found = []
    for attempt in (raw, through_python, through_urllib):
        try:
            found.append(attempt())
        except OSError:
            continue
    return " ".join(found) or "nothing"


def raw():
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(("169.254.169.254", 80))
    return "raw"


def through_python():
    socket.create_connection(("169.254.169.254", 80))
    return "create_connection"


def through_urllib():
    urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1)
    return "urllib"
