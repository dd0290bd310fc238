# expect: kept
"""Answers, and leaves a thread that never ends."""

import threading
import time

from sym.sdk import RequestPermission
from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    def forever():
        while True:
            time.sleep(1)

    for _ in range(5):
        threading.Thread(target=forever).start()
    return RequestPermission(webapp_view="admin", approve_deny="admin")
