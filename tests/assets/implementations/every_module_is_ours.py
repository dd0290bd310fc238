"""Whatever way a name is imported, it is one class: pickling, reloading and star imports included."""

import importlib
import pickle
import sys

import gatepass.sdk
import gatepass.sdk.integrations.slack
import gatepass.sdk.user
import sym
import sym.sdk
import sym.sdk.integrations.slack
import sym.sdk.user
from sym.sdk import *  # noqa: F403
from sym.sdk import User, reducer
from sym.sdk.integrations import slack


@reducer
def get_permissions(event):
    assert sym.sdk is gatepass.sdk is sys.modules["sym.sdk"]
    assert sym.sdk.user is gatepass.sdk.user
    assert slack is sym.sdk.integrations.slack is gatepass.sdk.integrations.slack
    assert User is gatepass.sdk.user.User
    assert pickle.loads(pickle.dumps(event.user)) == event.user
    assert SRN is gatepass.sdk.resource.SRN  # noqa: F405
    assert importlib.import_module("sym.sdk.secret") is importlib.import_module("gatepass.sdk.secret")
    for name in ("sym.cli", "sym.sdk.no_such_module", "sym.shared"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            assert "there is no" in str(missing)
        else:
            raise AssertionError(name)
    return RequestPermission(webapp_view="admin", approve_deny="admin")  # noqa: F405
