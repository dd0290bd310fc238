"""Child roles: how those that users assume are made, and the making once it is known who wishes for them (9.4)."""

from __future__ import annotations

from gatepass.policy.normal import size
from gatepass.teams.model import Account, Role
from gatepass.teams.native.form import read_policies
from gatepass.teams.nodes import Mapping, Node
from gatepass.teams.people.documents import Child, users_trust
from gatepass.teams.people.making import Making, Wish, policy_arn
from gatepass.teams.reading import Reader, is_null

MODES = ("listed", "account", "path")
CHILD_KEYS = (
    "trust", "mfa", "mfa_age", "policies", "description", "max_session", "inline", "boundary", "path",
)  # fmt: skip


def read_children(node: Node | None, path: str, reader: Reader) -> dict[str, Child]:
    """`child_roles`, by name."""
    said = reader.mapping(node, path)
    found = {}
    for name, value in (said.entries if said else {}).items():
        entry = reader.mapping(value, f"{path}.{name}")
        if entry is not None:
            reader.only(entry, f"{path}.{name}", CHILD_KEYS)
            found[name] = read_child(entry, f"{path}.{name}", reader)
    return found


def read_child(node: Mapping, path: str, reader: Reader) -> Child:
    """How one role is made."""
    mfa, age, session = node.get("mfa"), node.get("mfa_age"), node.get("max_session")
    return Child(
        trust=reader.one_of(node.get("trust"), f"{path}.trust", "listed", MODES),
        mfa=True if is_null(mfa) else reader.flag(mfa, f"{path}.mfa") is not False,
        mfa_age=0 if is_null(age) else reader.length(age, f"{path}.mfa_age") or 0,
        policies=reader.words(node.get("policies"), f"{path}.policies"),
        description=reader.word(node.get("description"), f"{path}.description") or None,
        max_session=3600 if is_null(session) else reader.length(session, f"{path}.max_session") or 3600,
        inline=read_policies(node.get("inline"), f"{path}.inline", reader),
        boundary=reader.word(node.get("boundary"), f"{path}.boundary") or None,
        path=reader.word(node.get("path"), f"{path}.path", "/"),
        place=node.place,
    )


def make_roles(making: Making) -> None:
    """The child roles, each letting in the users that were wished for (T-61, T-62)."""
    for (account_name, name), wish in sorted(making.wishes.items()):
        account = making.declared.accounts.get(account_name)
        if account is not None:
            making.made.roles.append(_role(making, account, name, wish))


def _role(making: Making, account: Account, name: str, wish: Wish) -> Role:
    where = f"{making.path}.child_roles.{name}"
    users = [making.made.users[user] for user in sorted(wish.users)]
    if not users:
        message = f"nobody may assume {name} of {account.name}: its groups have no members"
        making.note("role-unused", message, wish.place, where, "add members")
    declared = making.declared
    central = users[0].account if users else declared.accounts[declared.organization.identity_account]
    trust = users_trust(users, sorted(wish.paths), wish.child, central, wish.external_id)
    characters = size(trust)
    if characters > account.trust_quota:
        quota = account.trust_quota
        message = f"trust policy of {name} in {account.name} has {characters} characters of {quota}"
        advice = "use trust: path or trust: account, or raise quota L-C07B4B0D of service iam in us-east-1"
        making.refuse("trust-too-long", message, wish.place, where, advice)
    child = wish.child
    return Role(
        account,
        name,
        trust,
        short=name,
        path=child.path,
        description=child.description,
        max_session=child.max_session,
        policies=tuple(policy_arn(entry, account) for entry in child.policies),
        inline=child.inline,
        boundary=child.boundary,
        characters=characters,
        place=child.place or wish.place,
    )
