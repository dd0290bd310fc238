"""What the tests of the simulator stand on: the seeds' world, and clients of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gatepass.sim import Credential, Settings, Simulator, build, root_credential, session, two_tenants
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, FOO_ROLE
from gatepass.testing.clock import VirtualClock

FOO, FOO_TARGET = "123456789012", "333333333333"
FOO_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"
FOO_ADMIN = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001"
FOO_READ = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000002"
FOO_STORE = "d-9067000000"
BAR, BAR_INSTANCE = "555555555555", "arn:aws:sso:::instance/ssoins-7223000000000001"
EXTERNAL = {"tenant_foo": "gp-foo-external", "tenant_bar": "gp-bar-external"}


@dataclass
class Lab:
    """A simulator with a clock to turn and clients to call."""

    sim: Simulator
    clock: VirtualClock
    _session: Any = None

    def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def client(self, service: str, account: str = FOO, region: str = "us-east-1") -> Any:
        """A client signed by the account's root user."""
        return self.client_of(service, root_credential(self.sim.world, account), region)

    def client_of(self, service: str, credential: Credential | None, region: str = "us-east-1") -> Any:
        if self._session is None:
            self._session = session(self.sim)
        keys = {} if credential is None else {
            "aws_access_key_id": credential.access_key,
            "aws_secret_access_key": credential.secret,
            "aws_session_token": credential.token or None,
        }  # fmt: skip
        return self._session.create_client(service, region_name=region, **keys)

    def host(self, service: str) -> Any:
        """A client with gatepass's own keys."""
        return self.client_of(service, self.sim.world.credentials[ACCESS_KEY])

    def connector(self, service: str) -> Any:
        """A client with the credentials of tenant foo's connector role."""
        found = self.host("sts").assume_role(
            RoleArn=FOO_ROLE, RoleSessionName="gatepass", ExternalId=EXTERNAL["tenant_foo"]
        )
        return self.client_of(service, self.sim.world.credentials[found["Credentials"]["AccessKeyId"]])

    def user(self, name: str, store: str = FOO_STORE) -> str:
        people = self.sim.world.stores[store].users.values()
        return next(person.id for person in people if person.user_name.startswith(name))


def lab(description: dict[str, Any] | None = None, **settings: Any) -> Lab:
    clock = VirtualClock()
    chosen = {"rates": {}, "check_answers": True, **settings}
    return Lab(build(description or two_tenants(EXTERNAL), clock, Settings(**chosen)), clock)


def foo_assignment(made: Lab, name: str = "ana", permission_set: str = FOO_ADMIN) -> dict[str, str]:
    """The six fields of an assignment of tenant foo."""
    return {
        "InstanceArn": FOO_INSTANCE,
        "PermissionSetArn": permission_set,
        "TargetId": FOO_TARGET,
        "TargetType": "AWS_ACCOUNT",
        "PrincipalType": "USER",
        "PrincipalId": made.user(name),
    }
