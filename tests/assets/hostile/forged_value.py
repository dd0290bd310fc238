# expect: unbelieved
"""Returns a permission that the SDK would have refused to make."""

from sym.sdk import RequestPermission
from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    return RequestPermission.construct(
        webapp_view="x", approve_deny="everybody at all", allow_self_approval="yes"
    )
