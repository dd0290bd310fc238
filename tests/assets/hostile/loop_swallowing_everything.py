# expect: hung
"""Never returns and catches whatever is thrown at it."""

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
