# expect: raised
"""Two hundred processes, each of which makes more."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    for _ in range(200):
        os.fork()
