"""The web portal over the desk: pages, forms, live updates, sign-in. Contains no rule.

`build_portal` makes one ASGI application of the parts that the composition root hands over.
"""

from gatepass.web.parts import Parts, SignIn
from gatepass.web.portal import build_portal

__all__ = ["Parts", "SignIn", "build_portal"]
