"""Users, groups, roles and policies out of CloudFormation templates and Terraform states (A2). Pure, given the text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.teams.model import Account, Finding, Group, Policy, Resources, Role, User
from gatepass.teams.nodes import Mapping as MappingNode
from gatepass.teams.nodes import Node, Scalar, Sequence, fault, plain
from gatepass.teams.reading import Reader

# CloudFormation ------------------------------------------------------------------------------------------------------


def from_cloudformation(
    node: Node | None, account: Account, parameters: Mapping[str, str], findings: list[Finding]
) -> Resources:
    """The IAM resources of one template, as they would be made in `account`. What cannot be worked out without AWS is
    a fault with its place."""
    reader = Reader(findings)
    root = reader.mapping(node, "template")
    resources = reader.mapping(root.get("Resources"), "Resources") if root else None
    if root is None or resources is None:
        findings.append(
            fault("type-mismatch", "this is no CloudFormation template: it has no Resources", node)
        )
        return Resources()
    template = _Template(account, root, resources, {**_defaults(root), **parameters}, findings)
    return template.read()


def _defaults(root: MappingNode) -> dict[str, str]:
    said = root.get("Parameters")
    found = {}
    for name, value in (said.entries if isinstance(said, MappingNode) else {}).items():
        default = value.get("Default") if isinstance(value, MappingNode) else None
        if isinstance(default, Scalar):
            found[name] = default.text
    return found


_NAMES = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
}


@dataclass
class _Template:
    account: Account
    root: MappingNode
    resources: MappingNode
    parameters: Mapping[str, str]
    findings: list[Finding]

    def read(self) -> Resources:
        made = Resources(accounts=(self.account,))
        for logical, node in self.resources.entries.items():
            kind = node.get("Type") if isinstance(node, MappingNode) else None
            properties = node.get("Properties") if isinstance(node, MappingNode) else None
            if isinstance(kind, Scalar) and kind.text.startswith("AWS::IAM::"):
                said = self._value(properties, logical) if properties is not None else {}
                made = self._add(made, kind.text, logical, said if isinstance(said, dict) else {})
        return made

    def _add(self, made: Resources, kind: str, logical: str, said: dict[str, Any]) -> Resources:
        path, name = said.get("Path", "/"), said.get(_NAMES.get(kind, ""), logical)
        attached = tuple(said.get("ManagedPolicyArns", ()))
        inline = {item["PolicyName"]: item["PolicyDocument"] for item in said.get("Policies", ())}
        tags = {tag["Key"]: str(tag["Value"]) for tag in said.get("Tags", ())}
        match kind:
            case "AWS::IAM::Role":
                role = Role(
                    self.account, name, said.get("AssumeRolePolicyDocument", {}), path=path,
                    description=said.get("Description"), max_session=int(said.get("MaxSessionDuration", 3600)),
                    tags=tags, policies=attached, inline=inline, boundary=said.get("PermissionsBoundary"),
                )  # fmt: skip
                return replace(made, roles=(*made.roles, role))
            case "AWS::IAM::User":
                groups = tuple(said.get("Groups", ()))
                user = User(
                    self.account, name, path=path, groups=groups, policies=attached, inline=inline,
                    boundary=said.get("PermissionsBoundary"), tags=tags, person=name,
                )  # fmt: skip
                return replace(made, users=(*made.users, user))
            case "AWS::IAM::Group":
                return replace(made, groups=(*made.groups, Group(self.account, name, path, attached, inline)))
            case "AWS::IAM::ManagedPolicy":
                policy = Policy(
                    self.account,
                    name,
                    said.get("PolicyDocument", {}),
                    description=said.get("Description"),
                    path=path,
                )
                return _attach(replace(made, policies=(*made.policies, policy)), said, attached=policy.arn)
            case "AWS::IAM::Policy":
                return _attach(
                    made, said, inline=(said.get("PolicyName", logical), said.get("PolicyDocument", {}))
                )
            case "AWS::IAM::UserToGroupAddition":
                return _join(made, said.get("GroupName", ""), said.get("Users", ()))
            case _:
                return made

    def _value(self, node: Node, where: str) -> Any:
        """The node's value with references worked out."""
        if isinstance(node, Scalar):
            return self._tagged(node.tag, node.text, node) if node.tag else plain(node)
        if isinstance(node, Sequence):
            items = [self._value(item, where) for item in node.items]
            return self._tagged(node.tag, items, node) if node.tag.startswith("!") else items
        assert isinstance(node, MappingNode)
        if len(node.entries) == 1:
            ((name, inner),) = node.entries.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._tagged(f"!{name.removeprefix('Fn::')}", self._value(inner, where), node)
        return {name: self._value(inner, where) for name, inner in node.entries.items()}

    def _tagged(self, tag: str, value: Any, node: Node) -> Any:
        match tag, value:
            case "!Ref", str():
                return self._ref(value, node)
            case "!GetAtt", str() | list():
                logical = value.partition(".")[0] if isinstance(value, str) else str(value[0])
                return self._arn(logical, node)
            case "!Sub", str():
                return self._sub(value, {}, node)
            case "!Sub", [str() as text, dict() as more]:
                return self._sub(text, more, node)
            case "!Join", [str() as between, list() as parts]:
                return between.join(str(part) for part in parts)
            case _:
                message = f"{tag} {value!r} cannot be worked out without AWS"
                self.findings.append(fault("template-unsupported", message, node, value=str(value)))
                return ""

    def _ref(self, name: str, node: Node) -> str:
        known = {
            "AWS::AccountId": self.account.id,
            "AWS::Partition": self.account.partition,
            "AWS::URLSuffix": "amazonaws.com",
            **self.parameters,
        }
        if name in known:
            return known[name]
        target = self.resources.get(name)
        if isinstance(target, MappingNode):
            kind = target.get("Type")
            if isinstance(kind, Scalar) and kind.text == "AWS::IAM::ManagedPolicy":
                return self._arn(name, node)
            return self._named(name, target)
        message = f"nothing in the template says what {name} is"
        self.findings.append(
            fault("template-unsupported", message, node, value=name, advice=f"give --parameter {name}=...")
        )
        return ""

    def _named(self, logical: str, target: MappingNode) -> str:
        kind, properties = target.get("Type"), target.get("Properties")
        key = _NAMES.get(kind.text, "") if isinstance(kind, Scalar) else ""
        said = properties.get(key) if isinstance(properties, MappingNode) and key else None
        return str(self._value(said, logical)) if said is not None else logical

    def _arn(self, logical: str, node: Node) -> str:
        target = self.resources.get(logical)
        kind = target.get("Type") if isinstance(target, MappingNode) else None
        if not isinstance(target, MappingNode) or not isinstance(kind, Scalar):
            message = f"the template has no resource {logical}"
            self.findings.append(fault("template-unsupported", message, node, value=logical))
            return ""
        properties = target.get("Properties")
        said = properties.get("Path") if isinstance(properties, MappingNode) else None
        path = str(self._value(said, logical)) if said is not None else "/"
        word = "policy" if kind.text.endswith("ManagedPolicy") else kind.text.rpartition("::")[2].lower()
        return self.account.arn(f"{word}{path}{self._named(logical, target)}")

    def _sub(self, text: str, more: Mapping[str, Any], node: Node) -> str:
        """`${Name}` replaced; `${!name}` is a literal."""
        out, rest = "", text
        while "${" in rest:
            head, _, tail = rest.partition("${")
            name, _, rest = tail.partition("}")
            out += head
            if name.startswith("!"):
                out += f"${{{name[1:]}}}"
            elif name in more:
                out += str(more[name])
            elif name.endswith(".Arn"):
                out += self._arn(name.removesuffix(".Arn"), node)
            else:
                out += self._ref(name, node)
        return out + rest


def _attach(
    made: Resources, said: Mapping[str, Any], *, attached: str = "", inline: tuple[str, Any] | None = None
) -> Resources:
    """A policy that names its holders, onto the holders."""

    def onto(items: tuple[Any, ...], names: Iterable[str]) -> tuple[Any, ...]:
        wanted = set(names)
        return tuple(_with(item, attached, inline) if item.name in wanted else item for item in items)

    return replace(
        made,
        roles=onto(made.roles, said.get("Roles", ())),
        users=onto(made.users, said.get("Users", ())),
        groups=onto(made.groups, said.get("Groups", ())),
    )


def _with(item: Any, attached: str, inline: tuple[str, Any] | None) -> Any:
    if inline is not None:
        return replace(item, inline={**item.inline, inline[0]: inline[1]})
    return replace(item, policies=(*item.policies, attached))


def _join(made: Resources, group: str, users: Iterable[str]) -> Resources:
    wanted = set(users)
    members = tuple(
        replace(user, groups=(*user.groups, group)) if user.name in wanted else user for user in made.users
    )
    return replace(made, users=members)


# Terraform -----------------------------------------------------------------------------------------------------------


@dataclass
class _State:
    """What the resources of a state say, gathered before they are joined."""

    roles: dict[str, Role] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)


def from_terraform(text: str, account_name: str, findings: list[Finding]) -> Resources:
    """The IAM resources of a state file (version 4) or of `terraform show -json`. The account is the one their ARNs
    name; a state over several accounts gives several."""
    try:
        value = json.loads(text)
        listed = list(_resources(value))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        findings.append(fault("type-mismatch", f"this is no Terraform state: {error}", None))
        return Resources()
    state = _State()
    accounts: dict[str, Account] = {}
    for kind, said in listed:
        arn = said.get("arn", "")
        number = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if number:
            partition = arn.split(":")[1]
            fallback = account_name if not accounts else f"{account_name}-{number}"
            account = accounts.setdefault(number, Account(fallback, number, partition=partition))
            _gather(state, kind, said, account)
    for kind, said in listed:
        _tie(state, kind, said)
    return Resources(
        accounts=tuple(accounts.values()),
        roles=tuple(state.roles.values()),
        users=tuple(state.users.values()),
        groups=tuple(state.groups.values()),
        policies=tuple(state.policies.values()),
    )


def _resources(value: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "values" in value:
        yield from _module(value["values"]["root_module"])
        return
    for resource in value["resources"]:
        if resource.get("mode", "managed") == "managed":
            for instance in resource["instances"]:
                yield resource["type"], instance["attributes"]


def _module(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", ()):
        if resource.get("mode", "managed") == "managed":
            yield resource["type"], resource["values"]
    for child in module.get("child_modules", ()):
        yield from _module(child)


def _gather(state: _State, kind: str, said: Mapping[str, Any], account: Account) -> None:
    name, path = said.get("name", ""), said.get("path") or "/"
    tags = dict(said.get("tags_all") or said.get("tags") or {})
    match kind:
        case "aws_iam_role":
            inline = {
                item["name"]: json.loads(item["policy"])
                for item in said.get("inline_policy") or ()
                if item.get("name")
            }
            state.roles[name] = Role(
                account, name, json.loads(said["assume_role_policy"]), path=path,
                description=said.get("description") or None,
                max_session=int(said.get("max_session_duration") or 3600), tags=tags, inline=inline,
                boundary=said.get("permissions_boundary") or None,
            )  # fmt: skip
        case "aws_iam_user":
            boundary = said.get("permissions_boundary") or None
            state.users[name] = User(account, name, path=path, boundary=boundary, tags=tags, person=name)
        case "aws_iam_group":
            state.groups[name] = Group(account, name, path)
        case "aws_iam_policy":
            state.policies[said["arn"]] = Policy(
                account,
                name,
                json.loads(said["policy"]),
                description=said.get("description") or None,
                path=path,
                tags=tags,
            )


def _tie(state: _State, kind: str, said: Mapping[str, Any]) -> None:
    """Attachments, inline policies and memberships onto what they belong to."""
    tables: dict[str, dict[str, Any]] = {"role": state.roles, "user": state.users, "group": state.groups}
    if kind == "aws_iam_user_group_membership":
        user = state.users.get(said["user"])
        if user is not None:
            state.users[user.name] = replace(user, groups=tuple(sorted({*user.groups, *said["groups"]})))
    elif kind == "aws_iam_group_membership":
        for name in said["users"]:
            if name in state.users:
                member = state.users[name]
                state.users[name] = replace(member, groups=tuple(sorted({*member.groups, said["group"]})))
    for word, table in tables.items():
        item = table.get(said.get(word, "")) if kind.startswith(f"aws_iam_{word}_policy") else None
        if item is not None and kind.endswith("_attachment"):
            table[item.name] = replace(item, policies=(*item.policies, said["policy_arn"]))
        elif item is not None:
            table[item.name] = replace(item, inline={**item.inline, said["name"]: json.loads(said["policy"])})
