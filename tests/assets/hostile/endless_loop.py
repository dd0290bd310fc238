# expect: hung
"""Never returns."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    while True:
        pass
