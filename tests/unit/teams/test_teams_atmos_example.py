"""A1 on a whole project as Atmos users write it, examples/atmos: eleven accounts, nothing written for gatepass."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.teams.declared import ids

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled, Role
from gatepass.teams.planning.meaning import lets_in
from gatepass.teams.reach.questions import Reach

PROJECT = Path(__file__).parents[3] / "examples" / "atmos"
IDENTITY = "arn:aws:iam::100000000002:role/acme-core-gbl-identity-"


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_wanted(Wanted((PROJECT,)))


def _role(compiled: Compiled, short: str, account: str) -> Role:
    (found,) = [
        role for role in compiled.resources.roles if (role.short, role.account.name) == (short, account)
    ]
    return found


def test_every_account_gets_its_roles_and_nothing_is_at_fault(compiled: Compiled) -> None:
    """T-14, T-15: abstract components, other components' functions, backends and hooks are of no matter."""
    assert compiled.faults == ()
    assert set(ids(compiled)) == {"list-override-drops"}
    accounts = {role.account.name for role in compiled.resources.roles}
    assert accounts == {account.name for account in compiled.resources.accounts}
    assert len(compiled.resources.roles) == 5 + 11 * 5
    assert "template" not in {role.short for role in compiled.resources.roles}


def test_what_production_overrides_replaces_and_the_rest_stays(compiled: Compiled) -> None:
    """T-12, T-13: lists are replaced, maps merged; the importing file wins over the catalog, overrides over all."""
    terraform, dev = _role(compiled, "terraform", "plat-prod"), _role(compiled, "terraform", "plat-dev")
    assert lets_in(dev.trust, f"{IDENTITY}managers")
    assert not lets_in(terraform.trust, f"{IDENTITY}managers")
    assert lets_in(terraform.trust, f"{IDENTITY}gitops")
    assert terraform.policies == dev.policies
    with pytest.raises(ValueError, match="not enough values"):
        _role(compiled, "poweruser", "plat-prod")
    deployer = _role(compiled, "deployer", "data-prod")
    assert (deployer.max_session, deployer.tags["Compliance"], deployer.tags["Tenant"]) == (
        7200,
        "pci",
        "data",
    )
    assert "Compliance" not in _role(compiled, "deployer", "plat-prod").tags


def test_merge_keys_providers_and_machines(compiled: Compiled) -> None:
    """T-10, T-30, T-31: what the template says and a team does not, the SAML providers of aws-saml, GitHub's claims."""
    gitops = _role(compiled, "gitops", "core-identity")
    admin = _role(compiled, "admin", "core-identity")
    assert gitops.declared is not None
    assert gitops.declared.denied_teams == ("viewer",)
    assert gitops.declared.github_subjects == (
        "repo:acme/infrastructure:ref:refs/heads/main", "repo:acme/apps:environment:prod",
    )  # fmt: skip
    saml = next(one for one in admin.trust["Statement"] if one["Sid"] == "SamlProviderAssume")
    assert saml["Principal"]["Federated"] == [
        f"arn:aws:iam::100000000002:saml-provider/acme-core-gbl-identity-saml-{name}"
        for name in ("okta", "google")
    ]


def test_who_reaches_production(compiled: Compiled) -> None:
    reach = Reach(compiled.resources)
    ways = reach.who_can(reach.role("terraform@plat-prod"))
    starts = {way[0].source.label for way in ways}
    assert "repo:acme/infrastructure:ref:refs/heads/main" in starts
    assert reach.reaches(reach.principal("developers@core-identity"), reach.role("planner@plat-prod"))
    assert not reach.reaches(reach.principal("developers@core-identity"), reach.role("terraform@plat-prod"))


def test_templates_of_components_that_are_not_ours_are_ignored(tmp_path: Path) -> None:
    """T-15: tags are often templates; they are asked for where a role is made, and nowhere else."""
    context = tmp_path / "context.yaml"
    context.write_text(
        "account_map: {full_account_map: {dev: '100000000011'}, identity_account_account_name: dev}\n"
    )
    (tmp_path / "s.yaml").write_text(
        "vars: {namespace: acme, stage: dev, tags: {file: '{{ .atmos_stack_file }}'}}\n"
        "components: {terraform: {vpc: {vars: {roles: [a]}}, aws-saml: {vars: {saml_providers: {okta: m.xml}}},\n"
        "  aws-team-roles: {vars: {roles: {}}}}}\n"
    )
    found = compile_wanted(Wanted((tmp_path / "s.yaml",), context))
    (fault,) = found.faults
    assert (fault.id, fault.path) == (
        "template-unsupported", "components.terraform.aws-team-roles.vars.tags.file",
    )  # fmt: skip
