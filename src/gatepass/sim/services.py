"""Every service that is ours to simulate: importing this fills the table of operations."""

from __future__ import annotations

from importlib import import_module

from gatepass.sim.call import OPERATIONS

for _module in (
    "access_analyzer",
    "iam.account",
    "iam.attachments",
    "iam.groups",
    "iam.keys",
    "iam.policies",
    "iam.providers",
    "iam.roles",
    "iam.tags",
    "iam.users",
    "identity_center.assignments",
    "identity_center.directory",
    "identity_center.groups",
    "identity_center.instances",
    "identity_center.permission_sets",
    "identity_center.users",
    "organization_policies",
    "organizations",
    "service_quotas",
    "sign_in.oidc",
    "sign_in.portal",
    "sts",
    "sts_federation",
):
    import_module(f"gatepass.sim.{_module}")

__all__ = ["OPERATIONS", "SERVICES"]
SERVICES = frozenset(service for service, _ in OPERATIONS)
"""By the names of their service models."""
