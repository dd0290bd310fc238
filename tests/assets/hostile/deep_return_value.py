# expect: wrong
"""Returns a dictionary that nests deeper than any reader should follow."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    value = {}
    for _ in range(200):
        value = {"more": value}
    return value
