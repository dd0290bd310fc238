"""What a worker does with a job: load the file and say what it holds, or call one handler. Pure but for that code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from gatepass.handlers import outgoing, present, returns
from gatepass.sdk import link
from gatepass.sdk.build import build_event, build_flow, build_form, build_integration
from gatepass.sdk.event import Event
from gatepass.sdk.request_destination import RequestForwardContext
from gatepass.sdk.user import User

Json = Mapping[str, Any]
_SHOWN = 500
"""Characters of an exception's message that are reported."""


def perform(job: Json, parent: outgoing.Parent) -> dict[str, Any]:
    """The final message: `{"answer": ...}`, `{"present": ...}` or `{"fault": ...}`. Raises nothing."""
    filename = str(job["filename"])
    try:
        event = build_event(job["event"]) if job.get("event") else None
        link.attach(parent, event)
        outgoing.attach(parent)
        if job["op"] == "load":
            return _present(job, filename)
        return _call(job, filename, event)
    except MemoryError:
        return _fault("memory", "it needed more memory than a handler may use")
    except SystemExit as left:
        return _fault("exited", f"it ended the process with sys.exit({left.code!r})")
    except BaseException as raised:  # noqa: BLE001 (the plug-in call)
        return _raised(raised, filename)


def _fault(kind: str, detail: str, line: int = 0) -> dict[str, Any]:
    return {"fault": {"kind": kind, "detail": detail[:_SHOWN], "line": line}}


def _raised(raised: BaseException, filename: str, kind: str = "raised") -> dict[str, Any]:
    line = present.line_in(filename, raised.__traceback__)
    try:
        text = str(raised)
    except Exception:  # noqa: BLE001 (an exception of the implementation's own making)
        text = "(its message cannot be shown)"
    name = type(raised).__name__
    code = getattr(raised, "error_code", None)
    shown = f"{name} [{code}]: {text}" if isinstance(code, str) else f"{name}: {text}"
    return _fault(kind, shown if text else name, line)


def _present(job: Json, filename: str) -> dict[str, Any]:
    try:
        loaded = present.load(job["source"], filename)
    except MemoryError:
        raise
    except Exception as raised:  # noqa: BLE001 (the plug-in call)
        return {
            "present": {"handlers": {}, "strategy": None, "problems": [asdict(_unloadable(raised, filename))]}
        }
    return {
        "present": {
            "handlers": loaded.lines,
            "strategy": loaded.strategies[0].__name__ if loaded.strategies else None,
            "problems": [asdict(problem) for problem in loaded.problems],
        }
    }


def _unloadable(raised: Exception, filename: str) -> present.Problem:
    if isinstance(raised, SyntaxError):
        found = f"{type(raised).__name__}: {raised.msg}"
        return present.Problem(
            raised.lineno or 0, "(file)", found, "Python that compiles", "correct the line"
        )
    line = present.line_in(filename, raised.__traceback__)
    if isinstance(raised, ImportError):
        advice = "import only what sym.sdk, the standard library and the installed packages offer"
        return present.Problem(
            line, "(file)", f"{type(raised).__name__}: {raised}", "an import that works", advice
        )
    found = f"{type(raised).__name__} while the file was loaded: {str(raised)[:_SHOWN]}"
    advice = "do the work inside the handlers"
    return present.Problem(line, "(file)", found, "a file that only defines things", advice)


def _call(job: Json, filename: str, event: Event | None) -> dict[str, Any]:
    try:
        loaded = present.load(job["source"], filename)
    except SyntaxError as broken:
        return _fault("broken", f"{type(broken).__name__}: {broken.msg}", broken.lineno or 0)
    except Exception as raised:  # noqa: BLE001 (the plug-in call)
        return _raised(raised, filename, "broken")
    handler = str(job["handler"])
    found = _method(job, loaded) if handler.startswith("strategy.") else loaded.handlers.get(handler)
    if found is None:
        return _fault("missing", "the file has no such handler")
    arguments = _arguments(handler, event, job.get("arguments", {}))
    if not handler.startswith("strategy."):
        arguments = arguments[: present.accepted(found, handler) or len(arguments)]
    return {"answer": returns.written(found(*arguments)), "line": loaded.lines.get(handler, 0)}


def _method(job: Json, loaded: present.Loaded) -> Callable[..., Any] | None:
    name = str(job["handler"]).removeprefix("strategy.")
    if name not in ("fetch_remote_identity", "escalate", "deescalate") or not loaded.strategies:
        return None
    strategy = loaded.strategies[0](build_integration(job["arguments"]["integration"]))
    method: Callable[..., Any] = getattr(strategy, name)
    return method


def _arguments(handler: str, event: Event | None, given: Json) -> list[Any]:
    match handler:
        case "on_request_forward" | "after_request_forward":
            return [event, RequestForwardContext.parse_obj(given["context"])]
        case "get_identity" | "get_identity_lookup":
            return [event, given["service_type"], given["external_id"], User(given["user"])]
        case "get_flows":
            return [User(given["user"]), [build_flow(flow) for flow in given["flows"]], dict(given["vars"])]
        case "strategy.fetch_remote_identity":
            return [User(given["user"])]
        case "strategy.escalate" | "strategy.deescalate":
            return [given["target_id"], event]
    if handler.startswith("on_change_"):
        return [given["username"], build_form(given["form"])]
    return [event]
