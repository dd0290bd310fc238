# expect: wrong
"""Replaces what the answer is checked with, in its own process, to widen it."""

import json

import sym.sdk.request_permission as permissions
from sym.sdk import RequestPermission
from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    json.dumps = lambda *_args, **_options: '{"answer": "everybody"}'
    permissions.PermissionLevel = str
    isinstance_of_everything = RequestPermission.model_construct(
        webapp_view="x", approve_deny="everybody at all"
    )
    return isinstance_of_everything
