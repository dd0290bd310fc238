"""The short form stands for the long form: what `--expand` prints loads to an equal estate, and expands to itself."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gatepass.estate import Estate, load, read_sources
from gatepass.estate.reading.expansion import expanded, long_form
from gatepass.estate.starters import STARTER

ROOT = Path(__file__).parents[3]
EXAMPLE = read_sources(ROOT / "examples" / "multi-organization")


def _again(estate: Estate, sources: dict[str, str]) -> Estate:
    python = {name: text for name, text in sources.items() if name.endswith(".py")}
    return load({"long.yaml": expanded(estate), **python})


@pytest.mark.parametrize("sources", [EXAMPLE, {"estate.yaml": STARTER}], ids=["example", "starter"])
def test_the_expansion_is_the_same_estate(sources: dict[str, str]) -> None:
    estate = load(sources)
    again = _again(estate, sources)
    assert again == estate
    assert again.digest == estate.digest
    assert expanded(again) == expanded(estate)


def test_derived_names_are_stable() -> None:
    """Grants and requests keep these names: changing how they are derived would orphan them (I18)."""
    form = long_form(load(EXAMPLE))
    assert list(form["integrations"]) == ["tenant_foo-sso", "tenant_bar-sso"]
    assert list(form["strategies"]) == ["tenant_foo-sso", "tenant_bar-sso"]
    assert list(form["targets"]) == [
        "tenant_foo-main",
        "tenant_bar-read-only",
        "tenant_bar-admin",
        "tenant_bar-responders",
        "tenant_bar-read-only-anywhere",
    ]


ACCOUNT = st.sampled_from(["333333333333", "444444444444", "555555555555"])
SCOPE = st.one_of(
    st.just("all"),
    st.lists(ACCOUNT, min_size=1, unique=True),
    st.fixed_dictionaries({"unit": st.just("ou-abcd-11111111")}, optional={"tags": st.just({"env": "prod"})}),
)
LENGTH = st.sampled_from(["30m", "1h", "8h"])
SETS = st.fixed_dictionaries(
    {"permission_set": st.sampled_from(["Read", "Admin"])},
    optional={
        "max_duration": st.sampled_from(["1h", "12h"]),
        "label": st.text("ab c", min_size=1).filter(str.strip),
    },
).flatmap(
    lambda target: st.one_of(
        ACCOUNT.map(lambda each: target | {"account": each}),
        SCOPE.map(lambda each: target | {"accounts": each}),
    )
)
TARGETS = st.dictionaries(
    st.sampled_from(["read", "admin", "ops"]), SETS | st.just({"group": "Responders"}), min_size=1
)
WHO = st.fixed_dictionaries({"groups": st.just(["oncall"])}, optional={"people": st.just(["ana"])})
RULE = st.one_of(
    WHO.map(lambda who: {"approve": who}),
    st.just({"automatic": True}),
    WHO.map(lambda who: {"approve": {**who, "needed": 2}, "allow_self": True, "accepted_lateness": "30m"}),
)
DECIDE = st.fixed_dictionaries(
    {"rules": RULE.map(lambda rule: [rule])}, optional={"ask": WHO, "unanswered_after": LENGTH}
)
FLOW = st.fixed_dictionaries(
    {"organizations": st.sampled_from(["all", ["acme"]])},
    optional={
        "decide": DECIDE,
        "allowed_sources": st.sampled_from([[], ["slack"], ["api", "slack"]]),
        "allow_revoke": st.booleans(),
        "include_decision_message": st.booleans(),
        "vars": st.dictionaries(st.sampled_from(["a", "b"]), st.text("xyz01"), max_size=2),
        "fields": st.just(
            {
                "reason": {"type": "string", "default": "none", "required": False, "max_length": 50},
                "count": {"type": "int", "allowed_values": [1, 2], "visible": False},
                "duration": {"type": "duration", "allowed_values": ["30m", "PT45M"]},
            }
        ),
    },
)
ESTATE = st.fixed_dictionaries(
    {
        "gatepass": st.just(1),
        "people": st.just({"ana": {"email": "Ana@x.example", "emails": ["a@x.example"], "active": False}}),
        "organizations": TARGETS.map(
            lambda targets: {
                "acme": {
                    "max_duration": "8h",
                    "connector": {
                        "instance_arn": "arn:aws:sso:::instance/ssoins-7223000000000001",
                        "region": "eu-west-1",
                        "role_arn": "arn:aws:iam::222222222222:role/R",
                        "external_id": "acme-1",
                    },
                    "targets": targets,
                }
            }
        ),
        "flows": st.dictionaries(st.sampled_from(["one", "two"]), FLOW, min_size=1),
    }
)


@settings(max_examples=40)
@given(ESTATE)
def test_any_estate_is_equal_to_its_expansion(document: Any) -> None:
    yaml = YAML(typ="safe", pure=True)
    out = StringIO()
    yaml.dump(document, out)
    estate = load({"estate.yaml": out.getvalue()})
    assert _again(estate, {}) == estate
