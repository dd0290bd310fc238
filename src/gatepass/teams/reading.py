"""From nodes to typed values: the coercions upstream's Terraform types do, and a fault with a place for the rest.

Every method answers None after appending a fault; the caller goes on, so that all faults come at once (T-6, T-7).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gatepass.teams.model import Finding
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence, fault

_EXAMPLES = {"a list": ": [one, two], or [] for none", "a mapping": ": lines of name: value, or {} for none"}
UNEVALUATED = "gatepass does not evaluate templates and YAML functions; write the value out"


def describe(node: Node | None) -> str:
    """What a node is, for messages: `the number 7`, `a list`."""
    match node:
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(kind="null"):
            return "null"
        case Scalar(kind="int" | "float", text=text):
            return f"the number {text}"
        case Scalar(text=text):
            return repr(text)
    return "a node"


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice that names what was probably meant, and everything that is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}known: {listed or 'none'}"


class Reader:
    """Reads values of known type from nodes and collects what does not fit.

    What is not there at all is told at the place of the mapping that was read last, in which it is missing.
    """

    def __init__(self, findings: list[Finding], within: Node | None = None) -> None:
        self.findings = findings
        self._within = within

    def refuse(self, id: str, message: str, node: Node | None, path: str, advice: str = "") -> None:  # noqa: A002
        value = node.text if isinstance(node, Scalar) else describe(node)
        self.findings.append(fault(id, message, node or self._within, path=path, value=value, advice=advice))

    def _mismatch(self, node: Node | None, path: str, wanted: str) -> None:
        message = f"{path} is {describe(node)}, not {wanted}"
        self.refuse("type-mismatch", message, node, path, f"write {wanted}{_EXAMPLES.get(wanted, '')}")

    def _scalar(self, node: Node | None, path: str, wanted: str) -> Scalar | None:
        if not isinstance(node, Scalar) or node.kind == "null":
            self._mismatch(node, path, wanted)
            return None
        if node.is_template:
            shown = f"{node.tag} {node.text}".strip()
            self.refuse("template-unsupported", f"{path} is {shown!r}", node, path, UNEVALUATED)
            return None
        return node

    def text(self, node: Node | None, path: str) -> str | None:
        """A string; numbers and truth values become strings as they are written (T-6)."""
        scalar = self._scalar(node, path, "a string")
        if scalar is None:
            return None
        return scalar.text.lower() if scalar.kind == "bool" else scalar.text

    def whole(self, node: Node | None, path: str) -> int | None:
        """A whole number, also written as a string (T-6)."""
        scalar = self._scalar(node, path, "a number")
        if scalar is None:
            return None
        try:
            number = float(scalar.text) if scalar.kind != "bool" else None
        except ValueError:
            number = None
        if number is None or not number.is_integer():
            self._mismatch(scalar, path, "a whole number")
            return None
        return int(number)

    def flag(self, node: Node | None, path: str) -> bool | None:
        """true or false, also written as a string (T-6)."""
        scalar = self._scalar(node, path, "true or false")
        if scalar is None:
            return None
        word = scalar.text.lower() if scalar.kind == "bool" else scalar.text
        if word not in {"true", "false"}:
            self._mismatch(scalar, path, "true or false")
            return None
        return word == "true"

    def texts(self, node: Node | None, path: str) -> tuple[str, ...] | None:
        """A list of strings. A null list is a fault of its own (T-7)."""
        if isinstance(node, Scalar) and node.kind == "null":
            self.refuse("null-list", f"{path} is null", node, path, "write [] for nobody")
            return None
        if isinstance(node, Scalar) and node.is_template:
            self._scalar(node, path, "a list")
            return None
        if not isinstance(node, Sequence):
            self._mismatch(node, path, "a list")
            return None
        read = [self.text(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        return (
            None if any(word is None for word in read) else tuple(word for word in read if word is not None)
        )

    def only(self, node: Mapping, path: str, allowed: Iterable[str]) -> None:
        """Refuses keys of the native form that mean nothing: a misspelt one would silently do nothing."""
        known = set(allowed)
        for name, key in node.keys.items():
            if name not in known:
                where = f"{path}.{name}".lstrip(".")
                self.refuse("unknown-attribute", f"{where} is no known key", key, where, nearest(name, known))

    def length(self, node: Node | None, path: str) -> int | None:
        """A length in seconds: `1h`, `PT8H`, or a number of seconds."""
        from gatepass.estate.durations import parse_duration  # the estate takes a tenth of a second to import

        if isinstance(node, Scalar) and node.kind != "null" and not node.is_template:
            length = parse_duration(node.text)
            if length is not None:
                return int(length.total_seconds())
        return self.whole(node, path)

    def word(self, node: Node | None, path: str, default: str = "") -> str:
        """A string, or the default when absent."""
        return default if is_null(node) else self.text(node, path) or default

    def one_of(self, node: Node | None, path: str, default: str, allowed: Iterable[str]) -> str:
        """One of the words, the default when absent or when it is another."""
        word, known = self.word(node, path, default), tuple(allowed)
        if word in known:
            return word
        self.refuse("type-mismatch", f"{path} is {word!r}", node, path, f"allowed: {', '.join(known)}")
        return default

    def items(self, node: Node | None, path: str) -> list[Node]:
        """What stands in a list; absent is an empty one."""
        if is_null(node):
            return []
        if isinstance(node, Sequence):
            return node.items
        self._mismatch(node, path, "a list")
        return []

    def words(self, node: Node | None, path: str) -> tuple[str, ...]:
        """A list of strings or one string alone; absent is none."""
        if is_null(node):
            return ()
        if isinstance(node, Scalar):
            text = self.text(node, path)
            return () if text is None else (text,)
        return self.texts(node, path) or ()

    def mapping(self, node: Node | None, path: str) -> Mapping | None:
        """A mapping; absent and null count as an empty one and answer None without a fault."""
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            return None
        if isinstance(node, Scalar) and node.is_template:
            self._scalar(node, path, "a mapping")
            return None
        if not isinstance(node, Mapping):
            self._mismatch(node, path, "a mapping")
            return None
        self._within = node
        return node


def is_null(node: Node | None) -> bool:
    """Absent or null."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")
