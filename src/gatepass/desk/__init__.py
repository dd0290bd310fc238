"""The front door: ask, decide, end, extend, list, show; the same for every face.

`Desk` is what faces call; `Preparing` is what the engine calls for a request that was asked. The rules are in
`gatepass.access.decide`; nothing here calls AWS.
"""

from gatepass.desk.asking import Form, Option, Options
from gatepass.desk.book import Book, NoEstate, Version
from gatepass.desk.coding import About, Coding
from gatepass.desk.deciding import Deciding, Said
from gatepass.desk.desk import Desk
from gatepass.desk.ending import Ending
from gatepass.desk.forms import Forms
from gatepass.desk.gate import Gatekeeper
from gatepass.desk.looking import Held, Page, Shown
from gatepass.desk.preparing import Finder, Found, Preparing
from gatepass.desk.values import Ask, BadAsk, Caller, NotFound, Repeat

__all__ = [
    "About",
    "Ask",
    "BadAsk",
    "Book",
    "Caller",
    "Coding",
    "Deciding",
    "Desk",
    "Ending",
    "Finder",
    "Form",
    "Forms",
    "Found",
    "Gatekeeper",
    "Held",
    "NoEstate",
    "NotFound",
    "Option",
    "Options",
    "Page",
    "Preparing",
    "Repeat",
    "Said",
    "Shown",
    "Version",
]
