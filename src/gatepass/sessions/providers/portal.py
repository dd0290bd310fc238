"""The Identity Center portal: which accounts and roles a token opens, and their credentials (specification 3.6)."""

from __future__ import annotations

from typing import Any

from gatepass.clock import from_ms
from gatepass.sessions.errors import Denied, StaleParent
from gatepass.sessions.model import Credentials
from gatepass.sessions.providers.answers import over_already, understood
from gatepass.sessions.providers.transport import Transport

PAGE = 100  # the most the portal takes


class Portal:
    """Calls of one portal with one access token. Blocking; may be repeated."""

    def __init__(self, transport: Transport, region: str, integration: str, token: str) -> None:
        self._transport = transport
        self._region = region
        self._integration = integration
        self._token = token

    def accounts(self, after: str | None = None) -> tuple[list[dict[str, str]], str | None]:
        """One page of accounts (`accountId`, `accountName`, `emailAddress`) and the mark of the next."""
        answer = self._call("list_accounts", {"maxResults": PAGE}, after, "listing accounts")
        return answer["accountList"], answer.get("nextToken")

    def roles(self, account_id: str, after: str | None = None) -> tuple[list[dict[str, str]], str | None]:
        """One page of roles of an account and the mark of the next."""
        params = {"accountId": account_id, "maxResults": PAGE}
        answer = self._call("list_account_roles", params, after, f"listing roles of {account_id}")
        return answer["roleList"], answer.get("nextToken")

    def credentials(self, account_id: str, role_name: str, name: str) -> Credentials:
        """The role's credentials. Raises `Denied` when there is no assignment, `StaleParent` for a dead token."""
        try:
            answer = self._call(
                "get_role_credentials",
                {"accountId": account_id, "roleName": role_name},
                None,
                f"getting {role_name} in {account_id} for session {name!r}",
            )
        except Denied as error:
            raise Denied(
                f"session {name!r}: you have no assignment of {role_name} in account {account_id}, "
                "or it has not arrived yet",
                advice="ask for it: gatepass request FLOW, or run: gatepass sync",
            ) from error
        doing = f"session {name!r}: getting {role_name} in {account_id}"
        now = self._transport.now()
        with understood(doing):
            found = answer["roleCredentials"]
            made = Credentials(
                access_key_id=found["accessKeyId"],
                secret_access_key=found["secretAccessKey"],
                session_token=found["sessionToken"],
                expires_at=from_ms(int(found["expiration"])),
                issued_at=now,
                account_id=account_id,
            )
        if made.expires_at is None or made.expires_at <= now:
            raise over_already(doing, made.expires_at or now)
        return made

    def logout(self) -> None:
        """End the token at the portal; quiet when it is dead already."""
        try:
            self._call("logout", {}, None, "logging out")
        except StaleParent:
            return

    def _call(
        self, operation: str, params: dict[str, object], after: str | None, doing: str
    ) -> dict[str, Any]:
        params = {**params, "accessToken": self._token} | ({"nextToken": after} if after else {})
        return self._transport.call(
            "sso", operation, params, region=self._region, doing=f"integration {self._integration!r}: {doing}"
        )
