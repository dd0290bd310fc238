"""Makes `sym.sdk...` mean `gatepass.sdk...` in this process. For the zygote only, never for the server."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_OURS = "gatepass.sdk"


class _Finder(MetaPathFinder):
    """Claims `sym` and everything below it; what does not exist there is said plainly."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "sym":
            return ModuleSpec(fullname, _Loader(None), is_package=True)
        if not fullname.startswith("sym."):
            return None
        ours = _OURS + fullname.removeprefix("sym.sdk") if _below(fullname, "sym.sdk") else None
        if ours is None or importlib.util.find_spec(ours) is None:
            raise ModuleNotFoundError(
                f"there is no {fullname} in gatepass: import from sym.sdk and its modules "
                "(docs/flows-in-python.md lists them)",
                name=fullname,
            )
        return ModuleSpec(fullname, _Loader(ours), is_package=True)


class _Loader(Loader):
    def __init__(self, ours: str | None) -> None:
        self._ours = ours

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # returning our module here would overwrite its __spec__

    def exec_module(self, module: ModuleType) -> None:
        if self._ours is not None:
            sys.modules[module.__name__] = importlib.import_module(self._ours)


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def install() -> None:
    """Put the finder first, forget any `sym` already imported and import ours under every name. May be repeated.

    All of them now: a locked-down worker cannot read our files any more.
    """
    for name in [name for name in sys.modules if _below(name, "sym")]:
        del sys.modules[name]
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    for module in ("sym", "sym.sdk", *_below_sdk()):
        importlib.import_module(module)


def _below_sdk() -> list[str]:
    package = importlib.import_module(_OURS)
    return [
        "sym.sdk" + found.name.removeprefix(_OURS)
        for found in pkgutil.walk_packages(package.__path__, _OURS + ".")
    ]
