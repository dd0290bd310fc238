# expect: memory
"""Takes all memory bit by bit."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    kept = []
    while True:
        kept.append(bytearray(16 << 20))
