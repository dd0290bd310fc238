# expect: hung memory
"""One operation of C code that cannot be interrupted."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    return 9 ** (10**9) > 1
