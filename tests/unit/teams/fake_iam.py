"""IAM of many accounts in memory, as far as plan and apply use it: strict about names, principals, sizes, order.

A fake, not a mock: it keeps state, answers as AWS does, and can be told to throttle, to lose answers, to deny an
account, or to show what was made only later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.aws.errors import AwsError, Denied, Invalid, Lost, Missing, Place, Throttled

Params = dict[str, Any]


@dataclass
class FakeAccount:
    """What one account holds; everything by lower-case name."""

    roles: dict[str, Params] = field(default_factory=dict)
    users: dict[str, Params] = field(default_factory=dict)
    groups: dict[str, Params] = field(default_factory=dict)
    policies: dict[str, Params] = field(default_factory=dict)
    saml: dict[str, Params] = field(default_factory=dict)
    oidc: dict[str, Params] = field(default_factory=dict)
    quota: int = 2048


class FakeIam:
    """Keeps the `Calls` promise. `writes` are the calls that changed something."""

    def __init__(self, identity: str = "arn:aws:iam::222222222222:role/OrganizationAdmin") -> None:
        self.accounts: dict[str, FakeAccount] = {}
        self.writes: list[tuple[str, str, Params]] = []
        self.denied: set[str] = set()
        self.fault: Callable[[str, str, int], str] = lambda account, operation, number: ""
        self.hidden: dict[str, int] = {}
        """Role ARN -> how many reads still do not show it."""
        self.lag = 0
        self._identity = identity
        self._calls = 0

    def identity(self) -> str:
        return self._identity

    def account(self, account_id: str) -> FakeAccount:
        return self.accounts.setdefault(account_id, FakeAccount())

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        place = Place(account_id, service, operation, request_id=f"r{self._calls}")
        self._calls += 1
        if account_id in self.denied:
            raise Denied(place, "AccessDenied: not allowed", aws_code="AccessDenied")
        fault = self.fault(account_id, operation, self._calls)
        if fault == "throttle":
            raise Throttled(place, "Throttling: Rate exceeded", aws_code="Throttling")
        run = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(), None)
        generic = run is None
        answer = (
            self._generic(account_id, operation, params, place) if generic else run(account_id, params, place)
        )
        if not operation.startswith(("Get", "List")):
            self.writes.append((account_id, operation, params))
            if fault == "lost":
                raise Lost(place, "no answer")
        return {**answer, "ResponseMetadata": {"RequestId": place.request_id}}

    # -- helpers

    def _refuse(self, place: Place, code: str, message: str = "") -> AwsError:
        kind = Missing if code == "NoSuchEntity" else Invalid
        return kind(place, f"{code}: {message}", aws_code=code)

    def _entity(self, account_id: str, params: Params, place: Place) -> Params:
        held = self.account(account_id)
        for key, table in (("RoleName", held.roles), ("UserName", held.users), ("GroupName", held.groups)):
            if key in params and not (key == "GroupName" and "UserName" in params):
                found = table.get(params[key].lower())
                if found is None:
                    raise self._refuse(place, "NoSuchEntity", params[key])
                return found
        raise AssertionError(params)

    def _check_trust(self, account_id: str, text: str, place: Place) -> None:
        if len(text) > self.account(account_id).quota:
            quota = self.account(account_id).quota
            raise self._refuse(place, "LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {quota}")
        for statement in json.loads(text)["Statement"]:
            named = statement["Principal"].get("AWS", [])
            for arn in [named] if isinstance(named, str) else named:
                if "*" in arn or not self._exists(arn):
                    raise self._refuse(
                        place, "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"'
                    )

    def _exists(self, arn: str) -> bool:
        account, resource = arn.split(":")[4], arn.split(":", 5)[5]
        if resource == "root":
            return True
        kind, _, name = resource.partition("/")
        table = self.account(account).roles if kind == "role" else self.account(account).users
        return name.rpartition("/")[2].lower() in table

    def _request_service_quota_increase(self, account_id: str, params: Params, place: Place) -> Params:
        return {}

    # -- roles

    def _create_role(self, account_id: str, params: Params, place: Place) -> Params:
        table = self.account(account_id).roles
        if params["RoleName"].lower() in table:
            raise self._refuse(place, "EntityAlreadyExists", params["RoleName"])
        self._check_trust(account_id, params["AssumeRolePolicyDocument"], place)
        table[params["RoleName"].lower()] = {
            **params,
            "Arn": f"arn:aws:iam::{account_id}:role{params['Path']}{params['RoleName']}",
            "Tags": list(params.get("Tags", [])),
            "attached": [],
            "inline": {},
        }
        if self.lag:
            self.hidden[params["RoleName"].lower()] = self.lag
        return {}

    def _get_role(self, account_id: str, params: Params, place: Place) -> Params:
        name = params["RoleName"].lower()
        if self.hidden.get(name, 0) > 0:
            self.hidden[name] -= 1
            raise self._refuse(place, "NoSuchEntity", name)
        role = self._entity(account_id, params, place)
        boundary = role.get("PermissionsBoundary")
        return {
            "Role": {
                **role,
                "PermissionsBoundary": {"PermissionsBoundaryArn": boundary} if boundary else None,
            }
        }

    def _update_role(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, params, place).update(params)
        return {}

    def _update_assume_role_policy(self, account_id: str, params: Params, place: Place) -> Params:
        role = self._entity(account_id, params, place)
        self._check_trust(account_id, params["PolicyDocument"], place)
        role["AssumeRolePolicyDocument"] = params["PolicyDocument"]
        return {}

    def _delete_role(self, account_id: str, params: Params, place: Place) -> Params:
        role = self._entity(account_id, params, place)
        if role["attached"] or role["inline"]:
            raise self._refuse(place, "DeleteConflict", "must detach all policies first")
        del self.account(account_id).roles[params["RoleName"].lower()]
        return {}

    def _list_instance_profiles_for_role(self, account_id: str, params: Params, place: Place) -> Params:
        return {"InstanceProfiles": []}

    # -- users and groups

    def _create_user(self, account_id: str, params: Params, place: Place) -> Params:
        table = self.account(account_id).users
        if params["UserName"].lower() in table:
            raise self._refuse(place, "EntityAlreadyExists")
        table[params["UserName"].lower()] = {
            **params, "attached": [], "inline": {}, "groups": [], "keys": [], "devices": [], "login": False,
        }  # fmt: skip
        return {}

    def _get_user(self, account_id: str, params: Params, place: Place) -> Params:
        user = self._entity(account_id, params, place)
        boundary = user.get("PermissionsBoundary")
        return {
            "User": {
                **user,
                "PermissionsBoundary": {"PermissionsBoundaryArn": boundary} if boundary else None,
            }
        }

    def _update_user(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, params, place)["Path"] = params["NewPath"]
        return {}

    def _delete_user(self, account_id: str, params: Params, place: Place) -> Params:
        user = self._entity(account_id, params, place)
        for held in ("keys", "devices", "login", "groups", "attached", "inline"):
            if user[held]:
                raise self._refuse(place, "DeleteConflict", f"must remove {held} first")
        del self.account(account_id).users[params["UserName"].lower()]
        return {}

    def _list_access_keys(self, account_id: str, params: Params, place: Place) -> Params:
        keys = self._entity(account_id, params, place)["keys"]
        return {"AccessKeyMetadata": [{"AccessKeyId": key} for key in list(keys)]}

    def _delete_access_key(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, params, place)["keys"].remove(params["AccessKeyId"])
        return {}

    def _list_m_f_a_devices(self, account_id: str, params: Params, place: Place) -> Params:
        devices = self._entity(account_id, params, place)["devices"]
        return {"MFADevices": [{"SerialNumber": serial} for serial in list(devices)]}

    def _deactivate_m_f_a_device(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, params, place)["devices"].remove(params["SerialNumber"])
        return {}

    def _delete_virtual_m_f_a_device(self, account_id: str, params: Params, place: Place) -> Params:
        return {}

    def _get_login_profile(self, account_id: str, params: Params, place: Place) -> Params:
        if not self._entity(account_id, params, place)["login"]:
            raise self._refuse(place, "NoSuchEntity")
        return {}

    def _delete_login_profile(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, params, place)["login"] = False
        return {}

    def _list_groups_for_user(self, account_id: str, params: Params, place: Place) -> Params:
        return {"Groups": [{"GroupName": name} for name in self._entity(account_id, params, place)["groups"]]}

    def _add_user_to_group(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, {"GroupName": params["GroupName"]}, place)
        groups = self._entity(account_id, {"UserName": params["UserName"]}, place)["groups"]
        if params["GroupName"] not in groups:
            groups.append(params["GroupName"])
        return {}

    def _remove_user_from_group(self, account_id: str, params: Params, place: Place) -> Params:
        self._entity(account_id, {"UserName": params["UserName"]}, place)["groups"].remove(
            params["GroupName"]
        )
        return {}

    def _create_group(self, account_id: str, params: Params, place: Place) -> Params:
        self.account(account_id).groups[params["GroupName"].lower()] = {
            **params,
            "attached": [],
            "inline": {},
        }
        return {}

    def _get_group(self, account_id: str, params: Params, place: Place) -> Params:
        group = self._entity(account_id, params, place)
        users = self.account(account_id).users.values()
        members = [{"UserName": user["UserName"]} for user in users if params["GroupName"] in user["groups"]]
        return {"Group": group, "Users": members}

    def _delete_group(self, account_id: str, params: Params, place: Place) -> Params:
        del self.account(account_id).groups[params["GroupName"].lower()]
        return {}

    # -- policies

    def _create_policy(self, account_id: str, params: Params, place: Place) -> Params:
        arn = f"arn:aws:iam::{account_id}:policy{params['Path']}{params['PolicyName']}"
        if arn in self.account(account_id).policies:
            raise self._refuse(place, "EntityAlreadyExists")
        versions = [{"VersionId": "v1", "Document": params["PolicyDocument"], "IsDefaultVersion": True}]
        self.account(account_id).policies[arn] = {**params, "Arn": arn, "versions": versions, "next": 2}
        return {}

    def _policy(self, account_id: str, params: Params, place: Place) -> Params:
        found = self.account(account_id).policies.get(params["PolicyArn"])
        if found is None:
            raise self._refuse(place, "NoSuchEntity", params["PolicyArn"])
        return found

    def _get_policy(self, account_id: str, params: Params, place: Place) -> Params:
        policy = self._policy(account_id, params, place)
        current = next(item["VersionId"] for item in policy["versions"] if item["IsDefaultVersion"])
        return {"Policy": {**policy, "DefaultVersionId": current}}

    def _get_policy_version(self, account_id: str, params: Params, place: Place) -> Params:
        versions = self._policy(account_id, params, place)["versions"]
        return {"PolicyVersion": next(item for item in versions if item["VersionId"] == params["VersionId"])}

    def _list_policy_versions(self, account_id: str, params: Params, place: Place) -> Params:
        return {"Versions": list(self._policy(account_id, params, place)["versions"])}

    def _create_policy_version(self, account_id: str, params: Params, place: Place) -> Params:
        policy = self._policy(account_id, params, place)
        if len(policy["versions"]) >= 5:
            raise self._refuse(place, "LimitExceeded", "versions")
        for version in policy["versions"]:
            version["IsDefaultVersion"] = False
        version = {
            "VersionId": f"v{policy['next']}",
            "Document": params["PolicyDocument"],
            "IsDefaultVersion": True,
        }
        policy["versions"].append(version)
        policy["next"] += 1
        return {}

    def _delete_policy_version(self, account_id: str, params: Params, place: Place) -> Params:
        policy = self._policy(account_id, params, place)
        policy["versions"] = [item for item in policy["versions"] if item["VersionId"] != params["VersionId"]]
        return {}

    def _list_policy_tags(self, account_id: str, params: Params, place: Place) -> Params:
        return {"Tags": self._policy(account_id, params, place)["Tags"]}

    def _list_entities_for_policy(self, account_id: str, params: Params, place: Place) -> Params:
        roles = self.account(account_id).roles.values()
        users = [role for role in roles if params["PolicyArn"] in role["attached"]]
        return {"PolicyRoles": [{"RoleName": role["RoleName"]} for role in users]}

    def _delete_policy(self, account_id: str, params: Params, place: Place) -> Params:
        policy = self._policy(account_id, params, place)
        if (
            len(policy["versions"]) > 1
            or self._list_entities_for_policy(account_id, params, place)["PolicyRoles"]
        ):
            raise self._refuse(place, "DeleteConflict")
        del self.account(account_id).policies[params["PolicyArn"]]
        return {}

    # -- providers

    def _list_s_a_m_l_providers(self, account_id: str, params: Params, place: Place) -> Params:
        return {"SAMLProviderList": [{"Arn": arn} for arn in self.account(account_id).saml]}

    def _create_s_a_m_l_provider(self, account_id: str, params: Params, place: Place) -> Params:
        self.account(account_id).saml[f"arn:aws:iam::{account_id}:saml-provider/{params['Name']}"] = params
        return {}

    def _get_s_a_m_l_provider(self, account_id: str, params: Params, place: Place) -> Params:
        found = self.account(account_id).saml.get(params["SAMLProviderArn"])
        if found is None:
            raise self._refuse(place, "NoSuchEntity")
        return found

    def _list_open_i_d_connect_providers(self, account_id: str, params: Params, place: Place) -> Params:
        return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in self.account(account_id).oidc]}

    def _create_open_i_d_connect_provider(self, account_id: str, params: Params, place: Place) -> Params:
        host = params["Url"].removeprefix("https://")
        self.account(account_id).oidc[f"arn:aws:iam::{account_id}:oidc-provider/{host}"] = params
        return {}

    def _get_open_i_d_connect_provider(self, account_id: str, params: Params, place: Place) -> Params:
        found = self.account(account_id).oidc.get(params["OpenIDConnectProviderArn"])
        if found is None:
            raise self._refuse(place, "NoSuchEntity")
        return found

    # -- reading an account

    def _get_account_summary(self, account_id: str, params: Params, place: Place) -> Params:
        return {"SummaryMap": {"AssumeRolePolicySizeQuota": self.account(account_id).quota}}

    def _list_roles(self, account_id: str, params: Params, place: Place) -> Params:
        return {"Roles": [dict(role) for role in self.account(account_id).roles.values()]}

    def _get_account_authorization_details(self, account_id: str, params: Params, place: Place) -> Params:
        held = self.account(account_id)
        return {
            "RoleDetailList": [
                {**_detail(role, "RolePolicyList"), "RoleLastUsed": role.get("RoleLastUsed", {})}
                for role in held.roles.values()
            ],
            "UserDetailList": [
                {**_detail(user, "UserPolicyList"), "GroupList": user["groups"]}
                for user in held.users.values()
            ],
            "GroupDetailList": [_detail(group, "GroupPolicyList") for group in held.groups.values()],
            "Policies": [
                {**policy, "PolicyVersionList": policy["versions"]} for policy in held.policies.values()
            ],
        }

    # -- what roles, users and groups share

    def _generic(self, account_id: str, operation: str, params: Params, place: Place) -> Params:
        found = re.fullmatch(
            r"(Attach|Detach|Put|Get|Delete|List|ListAttached|Tag|Untag)(Role|User|Group|Policy)(Policy|Policies|Tags|)"
            r"(PermissionsBoundary)?",
            operation,
        )
        assert found, operation
        verb, what = found[1], found[3] or "Tags"
        entity = (
            self._policy(account_id, params, place)
            if found[2] == "Policy"
            else self._entity(account_id, params, place)
        )
        if verb in {"Tag", "Untag"}:
            kept = {tag["Key"]: tag["Value"] for tag in entity["Tags"]}
            kept |= {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}
            entity["Tags"] = [
                {"Key": key, "Value": value}
                for key, value in kept.items()
                if key not in params.get("TagKeys", ())
            ]
            return {}
        return self._policies_of(verb, what, entity, params, place)

    def _policies_of(self, verb: str, what: str, entity: Params, params: Params, place: Place) -> Params:
        match verb:
            case "Attach":
                entity["attached"] = [
                    *(arn for arn in entity["attached"] if arn != params["PolicyArn"]),
                    params["PolicyArn"],
                ]
            case "Detach":
                if params["PolicyArn"] not in entity["attached"]:
                    raise self._refuse(place, "NoSuchEntity")
                entity["attached"].remove(params["PolicyArn"])
            case "Put":
                entity["inline"][params["PolicyName"]] = params["PolicyDocument"]
            case "Get":
                return {"PolicyDocument": entity["inline"][params["PolicyName"]]}
            case "Delete":
                del entity["inline"][params["PolicyName"]]
            case "List" if what == "Policies":
                return {"PolicyNames": sorted(entity["inline"])}
            case "List":
                return {"Tags": list(entity["Tags"])}
            case _:
                return {"AttachedPolicies": [{"PolicyArn": arn} for arn in entity["attached"]]}
        return {}


def _detail(entity: Params, inline: str) -> Params:
    return {
        **entity,
        "AttachedManagedPolicies": [{"PolicyArn": arn} for arn in entity["attached"]],
        inline: [{"PolicyName": name, "PolicyDocument": text} for name, text in entity["inline"].items()],
    }
