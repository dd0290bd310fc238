# expect: memory
"""Takes all memory at once."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    return len(bytearray(8 << 30))
