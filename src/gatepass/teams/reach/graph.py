"""The ground of reachability: the nodes of some resources, the edges that need no policy, and who might assume what.

Candidates are looked up by exact ARN, by account and by pattern, so that a question about one role does not look at all
the others (T-97).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from gatepass.policy import Form
from gatepass.policy.request import account_of
from gatepass.policy.wildcards import arn_matches, matches
from gatepass.teams.model import Document, Resources
from gatepass.teams.reach.hops import NOBODY, OUTSIDE
from gatepass.teams.reach.nodes import CALLING, SET_ROLE, Edge, Node, NodeKind
from gatepass.teams.reach.permissions import Side
from gatepass.teams.reach.population import Population
from gatepass.teams.reach.trust import ANYONE, Opening, Trust, read_trust


class Graph:
    """Nodes, plain edges and candidates of one state. Nothing in it changes after it is made."""

    def __init__(self, resources: Resources, managed: Mapping[str, Document] | None = None) -> None:
        known = Population(resources, managed or {})
        self.resources = resources
        self.nodes = known.nodes
        self.roles = known.roles
        self.accounts = known.accounts
        self._known = known
        self._trusts: dict[str, Trust] = {}
        self.by_arn = {node.arn: node for node in self.nodes.values() if node.kind in CALLING}
        self._sorted_arns = sorted(self.by_arn)
        self._matches: dict[str, list[Node]] = {}
        self._of_account: dict[str, list[Node]] = defaultdict(list)
        for node in self.by_arn.values():
            self._of_account[node.account.id if node.account else ""].append(node)

    def entering(self, node: Node) -> list[Edge]:
        """Edges to the node that need no policy."""
        return self._known.entering.get(node.id, [])

    def leaving(self, node: Node) -> list[Edge]:
        """Edges from the node that need no policy."""
        return self._known.leaving.get(node.id, [])

    def side(self, node: Node) -> Side:
        """What the node's own policies allow."""
        if node.is_outside:
            return OUTSIDE
        return self._known.sides.get(node.id, NOBODY)

    def trust(self, node: Node) -> Trust:
        """The role's trust policy with its openings, read once."""
        known = self._trusts.get(node.id)
        if known is None:
            known = self._trusts[node.id] = read_trust(self.roles[node.id].trust, f"trust of {node.label}")
        return known

    def candidates(self, target: Node) -> dict[str, tuple[Node, list[Opening]]]:
        """Everybody who might assume the role, with the openings through which they might."""
        found: dict[str, tuple[Node, list[Opening]]] = {}
        for opening in self.trust(target).openings:
            for node in self._through(opening):
                found.setdefault(node.id, (node, []))[1].append(opening)
        return found

    def openings_for(self, source: Node, target: Node) -> list[Opening]:
        """The openings of the target through which this one node might come."""
        return [opening for opening in self.trust(target).openings if self._fits(opening, source)]

    def possible_targets(self, source: Node) -> list[Node]:
        """Roles that have an opening for the node; decided by their trust alone."""
        exact, whole, patterns = self._reverse
        if source.kind is NodeKind.OPEN:
            account, _, pattern = source.id.removeprefix("open:").partition(":")
            found = patterns.get(pattern, set()) if pattern else whole.get(account, set())
            return self._by_name(found)
        ids = set(exact.get(source.id, ())) | set(exact.get(source.arn, ()))
        if source.arn in self.by_arn:
            ids |= whole.get(account_of(source.arn), set()) | whole.get(ANYONE, set())
            for pattern, roles in patterns.items():
                if arn_matches(pattern, source.arn):
                    ids |= roles
        return self._by_name(ids)

    def _by_name(self, ids: Iterable[str]) -> list[Node]:
        return sorted((self.nodes[identifier] for identifier in ids), key=lambda node: node.sort_key)

    def known_matches(self, pattern: str) -> list[Node]:
        """The known callers whose ARN the pattern matches."""
        if pattern not in self._matches:
            self._matches[pattern] = self._look_up(pattern)
        return self._matches[pattern]

    def _look_up(self, pattern: str) -> list[Node]:
        if "*" not in pattern and "?" not in pattern:
            return [self.by_arn[pattern]] if pattern in self.by_arn else []
        prefix = pattern[: min(pattern.find(char) for char in "*?" if char in pattern)]
        found = []
        for index in range(bisect_left(self._sorted_arns, prefix), len(self._sorted_arns)):
            arn = self._sorted_arns[index]
            if not arn.startswith(prefix):
                break
            if arn_matches(pattern, arn):
                found.append(self.by_arn[arn])
        return found

    def add_outsider(self, arn: str) -> None:
        """Take a role or user that the estate does not know among the candidates; answers given before may lack it."""
        node = self._extra(NodeKind.FOREIGN, f"foreign:{arn}", arn, arn)
        self.by_arn[arn] = node
        self._matches.clear()
        insort(self._sorted_arns, arn)
        self._of_account[account_of(arn)].append(node)

    def callers_in(self, account_id: str) -> list[Node]:
        """The account's roles, sets and users, those of the estate only."""
        return [node for node in self._of_account.get(account_id, []) if node.kind in CALLING]

    def knows_sets_of(self, account_id: str) -> bool:
        """Whether the permission sets of the account's organization were read: then a pattern of sets is closed."""
        account = self.accounts.get(account_id)
        return account is not None and account.organization in self._organizations_with_sets

    @cached_property
    def _organizations_with_sets(self) -> set[str]:
        sets = {found.organization for found in self.resources.permission_sets}
        return sets | {found.organization for found in self.resources.assignments}

    @cached_property
    def _reverse(self) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]:
        exact: dict[str, set[str]] = defaultdict(set)
        whole: dict[str, set[str]] = defaultdict(set)
        patterns: dict[str, set[str]] = defaultdict(set)
        for identifier in self.roles:
            for opening in self.trust(self.nodes[identifier]).openings:
                if opening.kind != "AWS":
                    for node in self._through(opening):
                        exact[node.id].add(identifier)
                elif opening.account and opening.patterns is None:
                    whole[opening.account].add(identifier)
                else:
                    for pattern in (
                        opening.patterns if opening.account and opening.patterns else (opening.entry,)
                    ):
                        wild = "*" in pattern or "?" in pattern
                        (patterns if wild else exact)[pattern].add(identifier)
        return exact, whole, patterns

    def _fits(self, opening: Opening, source: Node) -> bool:
        if opening.kind != "AWS" or source.is_outside:
            return any(node.id == source.id for node in self._through(opening))
        if source.kind not in CALLING or source.account is None:
            return False
        if not opening.account:
            return opening.entry == source.arn
        if opening.account not in (ANYONE, source.account.id):
            return False
        return opening.patterns is None or any(
            arn_matches(pattern, source.arn) for pattern in opening.patterns
        )

    def _through(self, opening: Opening) -> Iterator[Node]:
        match opening.kind:
            case "Federated":
                yield from self._federated(opening)
            case "Service":
                yield self._extra(NodeKind.SERVICE, f"service:{opening.entry}", opening.entry, opening.entry)
            case "AWS" if not opening.account:
                yield from self._single(opening.entry)
            case "AWS" if opening.patterns is None:
                if opening.account == ANYONE:
                    yield from self.by_arn.values()
                else:
                    yield from self._of_account.get(opening.account, [])
                yield self._open(opening.account, None)
            case "AWS":
                for pattern in opening.patterns or ():
                    yield from self._matching(opening.account, pattern)

    def _federated(self, opening: Opening) -> Iterator[Node]:
        name = opening.entry.partition("provider/")[2] or opening.entry
        if opening.form is Form.SAML:
            yield self._extra(NodeKind.SAML, f"saml:{opening.entry}", name, opening.entry)
            return
        for subject in opening.subjects:
            label = subject if subject != ANYONE else f"anybody of {name}"
            yield self._extra(NodeKind.OIDC, f"oidc:{opening.entry}#{subject}", label, opening.entry)

    def _single(self, arn: str) -> Iterator[Node]:
        if arn in self.by_arn:
            yield self.by_arn[arn]
        elif arn.startswith("arn:"):
            yield self._extra(NodeKind.FOREIGN, f"foreign:{arn}", arn, arn)

    def _matching(self, account: str, pattern: str) -> Iterator[Node]:
        known = self.known_matches(pattern)
        yield from known
        parts = pattern.split(":", 5)
        if len(parts) != 6 or parts[5] == "root":
            return
        if account != ANYONE and not matches(parts[4], account):
            return
        if "*" in pattern or "?" in pattern:
            if SET_ROLE not in pattern or not self.knows_sets_of(account):
                yield self._open(account, pattern)
        elif not known:
            yield from self._single(pattern)

    def _open(self, account: str, pattern: str | None) -> Node:
        where = "any account" if account == ANYONE else self._account_name(account)
        if pattern is None:
            what = "anyone" if account == ANYONE else f"any principal of {where} whose own policies allow it"
            return self._extra(NodeKind.OPEN, f"open:{account}", what, self._stranger(account))
        kind = "user" if ":user/" in pattern else "role"
        name = pattern.split(":", 5)[5].partition("/")[2]
        if SET_ROLE in pattern:
            kind, name = (
                "session of a permission set",
                name.rpartition(SET_ROLE)[2].rstrip("*?").removesuffix("_"),
            )
        label = f"any {kind} of {where} matching {name}"
        return self._extra(NodeKind.OPEN, f"open:{account}:{pattern}", label, self._filled(account, pattern))

    def _stranger(self, account: str) -> str:
        known = self.accounts.get(account)
        partition = known.partition if known else "aws"
        return f"arn:{partition}:iam::{'0' * 12 if account == ANYONE else account}:role/any-other-role"

    def _filled(self, account: str, pattern: str) -> str:
        """A witness for the pattern, in the account the statement opens."""
        parts = pattern.split(":", 5)
        number = (
            ("0" * 12 if account == ANYONE else account) if "*" in parts[4] or "?" in parts[4] else parts[4]
        )
        name = (
            parts[5].replace("sso.amazonaws.com*", "sso.amazonaws.com").replace("*", "any").replace("?", "x")
        )
        return f"arn:{parts[1].replace('*', 'aws')}:iam::{number}:{name}"

    def _account_name(self, number: str) -> str:
        known = self.accounts.get(number)
        return self._known.account_label(known) if known else number

    def _extra(self, kind: NodeKind, identifier: str, label: str, arn: str) -> Node:
        return self.nodes.setdefault(identifier, Node(kind, identifier, label, arn))


def starts(graph: Graph, node: Node) -> bool:
    """Whether ways in begin at the node: people and outsiders always, users and groups when nobody is known behind."""
    if node.always_starts:
        return True
    return node.kind in (NodeKind.USER, NodeKind.GROUP) and not graph.entering(node)
