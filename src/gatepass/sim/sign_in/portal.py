"""sso: the portal a signed-in person asks for accounts, roles and credentials (spec/sessions.md 3.6)."""

from __future__ import annotations

from datetime import timedelta

from gatepass.clock import to_ms
from gatepass.policy import role_session
from gatepass.sim.call import Answer, Call, Params, operation, page
from gatepass.sim.identity_center import reserved_roles
from gatepass.sim.sign_in.state import AccessToken
from gatepass.sim.sts import open_session
from gatepass.sim.world import Instance, Principal

SERVICE = "sso"


def _signed_in(call: Call, params: Params) -> tuple[AccessToken, Instance]:
    token = call.world.sign_in.tokens.get(params["accessToken"])
    if token is None or token.expires <= call.now:
        raise call.refuse("unauthorized", "Session token not found or invalid")
    instance = call.world.instances[token.instance]
    if token.user not in call.world.stores[instance.store].users:
        raise call.refuse("unauthorized", "Session token not found or invalid")
    return token, instance


@operation(SERVICE, "ListAccounts", open_to_all=True)
def list_accounts(call: Call, params: Params) -> Answer:
    token, instance = _signed_in(call, params)
    home = call.world.organizations[instance.organization]
    held = {account for account, _ in reserved_roles.held_by(call.world, instance, token.user)}
    found = [
        (account.id, {"accountId": account.id, "accountName": account.name, "emailAddress": account.email})
        for account in home.accounts.values()
        if account.id in held
    ]
    shown, following = page(call, params, found, names="lower")
    return {"accountList": shown, **({"nextToken": following} if following else {})}


@operation(SERVICE, "ListAccountRoles", open_to_all=True)
def list_account_roles(call: Call, params: Params) -> Answer:
    token, instance = _signed_in(call, params)
    account = params["accountId"]
    names = sorted(
        instance.permission_sets[arn].name
        for held, arn in reserved_roles.held_by(call.world, instance, token.user)
        if held == account
    )
    if not names:
        raise call.refuse("denied", "No access")
    found = [(name, {"roleName": name, "accountId": account}) for name in names]
    shown, following = page(call, params, found, names="lower")
    return {"roleList": shown, **({"nextToken": following} if following else {})}


@operation(SERVICE, "GetRoleCredentials", open_to_all=True)
def get_role_credentials(call: Call, params: Params) -> Answer:
    """A session of the permission set's role, as long as the set says; refused when the assignment is gone."""
    token, instance = _signed_in(call, params)
    account, name = params["accountId"], params["roleName"]
    held = reserved_roles.held_by(call.world, instance, token.user)
    found = next(
        (p for p in instance.permission_sets.values() if p.name == name and (account, p.arn) in held), None
    )
    role = reserved_roles.role_of(call.world, instance, found, account) if found is not None else None
    if role is None:
        raise call.refuse("denied", "No access")
    person = call.world.stores[instance.store].users[token.user]
    caller = role_session(
        role.arn,
        person.user_name,
        unique_id=role.id,
        issued_at=call.now,
        organization=instance.organization,
    )
    principal = Principal(caller, f"{role.id}:{person.user_name}", "GetRoleCredentials")
    made = open_session(call, principal, timedelta(seconds=role.max_session))
    assert made.expires is not None
    return {
        "roleCredentials": {
            "accessKeyId": made.access_key,
            "secretAccessKey": made.secret,
            "sessionToken": made.token,
            "expiration": to_ms(made.expires),
        }
    }


@operation(SERVICE, "Logout", open_to_all=True)
def logout(call: Call, params: Params) -> Answer:
    """Ends the portal session and whatever could renew it; role credentials already given out live on."""
    token, _ = _signed_in(call, params)
    state = call.world.sign_in
    del state.tokens[token.token]
    for refresh in state.refreshes.values():
        if (refresh.client, refresh.user) == (token.client, token.user):
            refresh.spent = True
    return {}
