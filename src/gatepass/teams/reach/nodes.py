"""The nodes of reachability: people, groups, sets, users, roles, and everybody outside whom a trust names.

Values and their stable ids; which edges join them is worked out in `reach_edges` and `reach`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gatepass.policy import Caller, Decision, provider, role_session, service, user
from gatepass.teams.model import Account

RESERVED = "aws-reserved/sso.amazonaws.com"
SET_ROLE = "AWSReservedSSO_"
WITNESS_SUFFIX = "0123456789abcdef"
"""Stands for the sixteen hex digits that AWS chooses when it makes a permission set's role."""


class NodeKind(StrEnum):
    PERSON = "person"
    GROUP = "group"
    """A group of an Identity Center directory."""
    SET = "set"
    """A permission set in one account: the role that AWS makes for it."""
    USER = "user"
    ROLE = "role"
    """A team, a team role or any other role."""
    SAML = "saml"
    OIDC = "oidc"
    """Those whom an OIDC provider vouches for with one form of subject."""
    SERVICE = "service"
    FOREIGN = "foreign"
    """An ARN that a trust names and the estate does not know."""
    OPEN = "open"
    """All principals a wildcard or a whole account lets in, known or not (T-93)."""


CALLING = (NodeKind.ROLE, NodeKind.SET, NodeKind.USER)
"""Kinds that call with credentials of their own."""
_STARTS = (NodeKind.PERSON, NodeKind.SAML, NodeKind.OIDC, NodeKind.SERVICE, NodeKind.FOREIGN, NodeKind.OPEN)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One node. Equal ids are the same node, today and in the next run."""

    kind: NodeKind
    id: str
    label: str
    """What people call it: `admin@core-identity`."""
    arn: str = ""
    account: Account | None = None
    organization: str = ""
    """`o-...` of its account, for `aws:PrincipalOrgID`."""
    tags: tuple[tuple[str, str], ...] = ()
    """Of the role or user itself, for `aws:PrincipalTag`; session tags come on top and are not known."""

    @property
    def is_outside(self) -> bool:
        """Nobody here knows what its own side allows."""
        return self.kind in (NodeKind.FOREIGN, NodeKind.OPEN)

    @property
    def always_starts(self) -> bool:
        """A way in always begins here. Users and groups without known people begin one too."""
        return self.kind in _STARTS

    @property
    def sort_key(self) -> tuple[str, str]:
        return (self.label, self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __lt__(self, other: Node) -> bool:
        return self.sort_key < other.sort_key


class EdgeKind(StrEnum):
    MEMBER_OF = "member-of"
    ASSIGNED = "assigned"
    IS = "is"
    """A person and their IAM user."""
    FEDERATES = "federates"
    MAY_ASSUME = "may-assume"
    MAY_CHANGE = "may-change"
    """May give itself the role by changing it or the assignments (T-96); never part of an ordinary path."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a path, with what it takes and how long it lasts."""

    source: Node
    target: Node
    kind: EdgeKind
    lasts: timedelta | None = None
    """The longest session this step gives (T-95)."""
    chained: bool = False
    needs: tuple[str, ...] = ()
    """What the caller must bring: `MFA`, `external id x-1`."""
    assumes: tuple[str, ...] = ()
    """What could not be looked at, such as the side of a caller that is not ours."""
    decision: Decision | None = None
    """For assumptions: both sides with the statements that decided."""
    action: str = ""
    """For `may-change`: the action that is allowed."""


Path = tuple[Edge, ...]


def label_of(path: Path) -> str:
    """`jane > admins > Admin@identity > admin@identity > terraform@dev`."""
    return " > ".join([path[0].source.label, *(edge.target.label for edge in path)]) if path else ""


def path_key(path: Path) -> tuple[int, str]:
    """Shortest first, ties by name (T 12)."""
    return (len(path), label_of(path))


def caller_of(node: Node) -> Caller:
    """The node as IAM sees it when it calls."""
    match node.kind:
        case NodeKind.SAML:
            return provider(node.arn)
        case NodeKind.OIDC:
            return provider(node.arn)
        case NodeKind.SERVICE:
            return service(node.arn)
    resource = node.arn.split(":", 5)[-1]
    if resource.startswith("user/"):
        return user(node.arn, tags=dict(node.tags), organization=node.organization)
    if resource.startswith("assumed-role/"):
        _, name, session = resource.split("/", 2)
        partition, account = node.arn.split(":")[1], node.arn.split(":")[4]
        return role_session(f"arn:{partition}:iam::{account}:role/{name}", session)
    return role_session(node.arn, tags=dict(node.tags), organization=node.organization)


def set_role_arn(name: str, account: Account, region: str) -> str:
    """The role of a permission set in an account as it will be called, up to the suffix that AWS chooses (T-22)."""
    path = RESERVED if region in ("", "us-east-1") else f"{RESERVED}/{region}"
    return account.arn(f"role/{path}/{SET_ROLE}{name}_{WITNESS_SUFFIX}")


def set_name(role_name: str) -> str:
    """The permission set whose role this is; empty when it is none."""
    if not role_name.startswith(SET_ROLE):
        return ""
    return role_name.removeprefix(SET_ROLE).rpartition("_")[0]
