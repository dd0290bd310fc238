"""Identity Center as Terraform JSON, one folder per organization (T-89). No AWS call is made.

Ids exist only in AWS: people, groups that are not ours, and what is to be imported are looked up by data sources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gatepass.teams.applying.calls import text
from gatepass.teams.applying.running import centers_of
from gatepass.teams.export.terraform import (
    Thing,
    configuration,
    folder,
    literal,
    literals,
    provider,
    reference,
    written,
)
from gatepass.teams.kinds.center import Center, references, session_text
from gatepass.teams.model import Account, Assignment, Compiled, DirectoryGroup, PermissionSet

SET, GROUP, USER = "aws_ssoadmin_permission_set", "aws_identitystore_group", "aws_identitystore_user"
MEMBERSHIPS = "aws_identitystore_group_memberships"


def center_files(compiled: Compiled, *, imports: bool = False) -> dict[str, str]:
    """`<account>-identity-center/main.tf.json` for each organization whose instance is described; the account is the
    one through which it is reached."""
    resources = compiled.resources
    accounts = {account.id: account for account in resources.accounts}
    files = {}
    for name, center in sorted(centers_of(resources, planning=False).items()):
        home = accounts.get(center.account_id) or Account(center.account_id, center.account_id, name)
        declared = _Declared(
            center,
            {item.name: item for item in resources.permission_sets if item.organization == name},
            {
                item.name: item
                for item in resources.directory_groups
                if item.organization == name and item.managed
            },
            [item for item in resources.assignments if item.organization == name],
        )
        if declared.sets or declared.groups or declared.assignments:
            given = provider(home, center.organization.region)
            files[f"{folder(home)}-identity-center/main.tf.json"] = written(declared.value(given, imports))
    return files


class _Declared:
    """What is declared of one instance."""

    def __init__(
        self,
        center: Center,
        sets: Mapping[str, PermissionSet],
        groups: Mapping[str, DirectoryGroup],
        assignments: list[Assignment],
    ) -> None:
        self.sets, self.groups, self.assignments = sets, groups, assignments
        self._instance, self._store = center.instance, center.store

    def value(self, given: Mapping[str, Any], imports: bool) -> dict[str, Any]:
        blocks = {
            SET: {name: Thing(self._set(item), self._known(name)) for name, item in self.sets.items()},
            "aws_ssoadmin_managed_policy_attachment": self._managed(),
            "aws_ssoadmin_customer_managed_policy_attachment": self._customer(),
            "aws_ssoadmin_permission_set_inline_policy": self._inline(),
            "aws_ssoadmin_permissions_boundary_attachment": self._boundaries(),
            GROUP: {
                name: Thing(self._group(item), self._group_id(name)) for name, item in self.groups.items()
            },
            "aws_identitystore_group_membership": self._memberships(),
            "aws_ssoadmin_account_assignment": self._assignments(),
        }
        value = configuration(blocks, given, imports=imports)
        for kind, name in (
            ("aws_ssoadmin_customer_managed_policy_attachment", "customer_managed_policy_reference"),
            ("aws_ssoadmin_permissions_boundary_attachment", "permissions_boundary"),
        ):
            if kind in value["resource"]:
                _as_block(value["resource"][kind]["default"], name)
        data = self._looked_up(imports)
        return {**value, "data": data} if data else value

    # -- ids

    def _known(self, name: str) -> str:
        """The import id of a permission set; also the end of the ids of everything that belongs to it."""
        return f"${{data.{SET}.imported[{json.dumps(name)}].arn}},{self._instance}"

    def _group_id(self, name: str) -> str:
        return f"{self._store}/${{data.{GROUP}.imported[{json.dumps(name)}].group_id}}"

    def _of(self, item: str) -> dict[str, Any]:
        return {"instance_arn": self._instance, "permission_set_arn": reference(SET, item, "arn")}

    # -- blocks

    def _set(self, item: PermissionSet) -> dict[str, Any]:
        return {
            "instance_arn": self._instance,
            "name": item.name,
            "description": literal(item.description) or None,
            "session_duration": session_text(item.session_seconds),
            "relay_state": literal(item.relay_state) or None,
            "tags": literals(item.tags),
        }

    def _managed(self) -> dict[str, Thing]:
        return {
            f"{name}+{arn}": Thing(
                {**self._of(name), "managed_policy_arn": arn}, f"{arn},{self._known(name)}"
            )
            for name, item in self.sets.items()
            for arn in item.managed_policies
        }

    def _customer(self) -> dict[str, Thing]:
        made = {}
        for name, item in self.sets.items():
            for said in sorted(references(item)):
                block = _reference(said)
                made[f"{name}+{said}"] = Thing(
                    {**self._of(name), "customer_managed_policy_reference": block},
                    f"{block['name']},{block['path']},{self._known(name)}",
                )
        return made

    def _inline(self) -> dict[str, Thing]:
        return {
            name: Thing({**self._of(name), "inline_policy": literal(text(item.inline))}, self._known(name))
            for name, item in self.sets.items()
            if item.inline
        }

    def _boundaries(self) -> dict[str, Thing]:
        made = {}
        for name, item in self.sets.items():
            if item.boundary:
                arn = item.boundary if item.boundary.startswith("arn:") else None
                own = [] if arn else [_reference(item.boundary)]
                block = {"managed_policy_arn": arn, "customer_managed_policy_reference": own}
                made[name] = Thing({**self._of(name), "permissions_boundary": block}, self._known(name))
        return made

    def _group(self, item: DirectoryGroup) -> dict[str, Any]:
        return {
            "identity_store_id": self._store,
            "display_name": item.name,
            "description": literal(item.description) or None,
        }

    def _memberships(self) -> dict[str, Thing]:
        made = {}
        for name, item in self.groups.items():
            held = f"data.{MEMBERSHIPS}.imported[{json.dumps(name)}].group_memberships"
            for member in item.members:
                user = f"data.{USER}.default[{json.dumps(member)}].user_id"
                one = f"one([for m in {held} : m.membership_id if m.member_id.user_id == {user}])"
                said = {
                    "identity_store_id": self._store,
                    "group_id": reference(GROUP, name, "group_id"),
                    "member_id": f"${{{user}}}",
                }
                made[f"{name}/{member}"] = Thing(said, f"{self._store}/${{{one}}}")
        return made

    def _assignments(self) -> dict[str, Thing]:
        made = {}
        for item in self.assignments:
            kind, account = item.principal_kind.upper(), item.account.id
            principal, known = self._principal(item)
            said = {
                "instance_arn": self._instance,
                "permission_set_arn": self._arn(item.permission_set),
                "principal_id": principal,
                "principal_type": kind,
                "target_id": account,
                "target_type": "AWS_ACCOUNT",
            }
            key = f"{item.permission_set}/{item.principal_kind}/{item.principal}/{account}"
            where = f"{account},AWS_ACCOUNT,{self._known(item.permission_set)}"
            made[key] = Thing(said, f"{known},{kind},{where}")
        return made

    def _arn(self, name: str) -> str:
        if name in self.sets:
            return reference(SET, name, "arn")
        return f"${{data.{SET}.imported[{json.dumps(name)}].arn}}"

    def _principal(self, item: Assignment) -> tuple[str, str]:
        """The id of whoever holds an assignment: where our own resources give it, and where they are not yet there."""
        name = json.dumps(item.principal)
        if item.principal_kind == "user":
            found = f"${{data.{USER}.default[{name}].user_id}}"
            return found, found
        found = f"${{data.{GROUP}.imported[{name}].group_id}}"
        return (
            reference(GROUP, item.principal, "group_id") if item.principal in self.groups else found
        ), found

    # -- what only AWS knows

    def _looked_up(self, imports: bool) -> dict[str, Any]:
        members = {name for item in self.groups.values() for name in item.members}
        people = members | {item.principal for item in self.assignments if item.principal_kind == "user"}
        groups = {item.principal for item in self.assignments if item.principal_kind == "group"}
        sets = {item.permission_set for item in self.assignments}
        if imports:
            groups, sets = groups | set(self.groups), sets | set(self.sets)
        else:
            groups, sets = groups - set(self.groups), sets - set(self.sets)
        store = {"identity_store_id": self._store}
        memberships = {
            **store,
            "group_id": f"${{data.{GROUP}.imported[each.value].group_id}}",
        }
        listed: list[tuple[str, str, set[str], dict[str, Any]]] = [
            (USER, "default", people, {**store, **_by("UserName")}),
            (GROUP, "imported", groups, {**store, **_by("DisplayName")}),
            (SET, "imported", sets, {"instance_arn": self._instance, "name": "${each.value}"}),
            (MEMBERSHIPS, "imported", set(self.groups) if imports and members else set(), memberships),
        ]
        return {
            kind: {called: {"for_each": f"${{toset({json.dumps(sorted(names))})}}", **said}}
            for kind, called, names, said in listed
            if names
        }


def _by(attribute: str) -> dict[str, Any]:
    one = {"attribute_path": attribute, "attribute_value": "${each.value}"}
    return {"alternate_identifier": [{"unique_attribute": [one]}]}


def _reference(said: str) -> dict[str, str]:
    head, _, name = f"/{said.lstrip('/')}".rpartition("/")
    return {"name": name, "path": f"{head}/"}


def _as_block(resource: dict[str, Any], name: str) -> None:
    """A nested block cannot be given as a value: its attributes are taken from the map one by one."""
    one = next(iter(resource["for_each"].values()))[name]
    said: dict[str, Any] = {key: f"${{each.value.{name}.{key}}}" for key in one}
    inner = "customer_managed_policy_reference"
    if inner in said:
        content = {key: f"${{{inner}.value.{key}}}" for key in ("name", "path")}
        said["dynamic"] = {inner: {"for_each": said.pop(inner), "content": content}}
    resource[name] = said
