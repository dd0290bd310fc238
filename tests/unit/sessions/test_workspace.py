from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.errors import Bug
from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.errors import BadInput, UnknownSession
from gatepass.sessions.files import private_dir, replace
from gatepass.sessions.model import KINDS, Role
from gatepass.sessions.workspace.edit import edit_workspace, edited, table_at
from gatepass.sessions.workspace.reading import (
    WorkspaceError,
    load_workspace,
    parse_workspace,
    require,
    toml_value,
)

PLACE = Path("workspace.toml")
GOOD = """\
# mine, keep this
version = 1

[integration."corp"]
kind = "identity-center"
start_url = "https://corp.awsapps.com/start"

[session."gateway"]  # the one with keys
kind = "iam-user"
mfa_serial = "arn:aws:iam::111111111111:mfa/dana"

[session."dev"]
kind = "role"
role_arn = "arn:aws-cn:iam::222222222222:role/team/deep/developer"
via = "gateway"
duration = 7200

[session."corp/Admin"]
kind = "sso-role"
integration = "corp"
account_id = "333333333333"
role_name = "Admin"
"""


def test_s6_arns_keep_partition_and_path() -> None:
    role = parse_workspace(GOOD, PLACE).sessions["dev"].recipe
    assert isinstance(role, Role)
    assert role.role_arn.partition == "aws-cn"
    assert role.role_arn.account == "222222222222"
    assert str(role.role_arn).endswith(":role/team/deep/developer")
    assert role.role_arn.name == "developer"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn:aws:iam::1:role/x",
        "arn:aws:iam::222222222222:user/x",
        "arn:foo:iam::222222222222:role/x",
        "arn:aws:iam::222222222222:role/",
    ],
)
def test_h7_bad_role_arns(text: str) -> None:
    with pytest.raises(ValueError, match=r"ARN|account|partition"):
        parse_role_arn(text)


def test_every_fault_at_once_with_its_line() -> None:
    """H7: cycle apart, one reading tells everything that is wrong."""
    text = GOOD.replace(
        'via = "gateway"\nduration = 7200', 'via = "gateway"\nduration = 5\nbogus = 1'
    ).replace('account_id = "333333333333"', 'account_id = "333"')
    with pytest.raises(WorkspaceError) as caught:
        parse_workspace(text, PLACE)
    assert len(caught.value.faults) == 3, caught.value.faults
    assert 'line 12 [session."dev"] bogus: unknown key' in str(caught.value)
    assert "duration: found 5; allowed: 900 to" in str(caught.value)
    assert "allowed" in str(caught.value)


def test_s11_a_cycle_is_named_at_load_time() -> None:
    text = "".join(
        f'[session."{name}"]\nkind = "role"\nrole_arn = "arn:aws:iam::222222222222:role/x"\nvia = "{via}"\n'
        for name, via in (("c", "a"), ("a", "b"), ("b", "c"), ("outside", "a"))
    )
    with pytest.raises(WorkspaceError, match="a -> b -> c -> a") as caught:
        parse_workspace(text, PLACE)
    assert len(caught.value.faults) == 1


def test_h7_missing_parent_integration_and_double_profile() -> None:
    text = GOOD.replace('via = "gateway"', 'via = "gone"\nprofile = "gateway"').replace(
        'integration = "corp"', 'integration = "nope"'
    )
    with pytest.raises(WorkspaceError) as caught:
        parse_workspace(text, PLACE)
    assert "no such session" in str(caught.value)
    assert "no such integration" in str(caught.value)
    assert "is also that of" in str(caught.value)


def test_s80_fido_serials_are_explained() -> None:
    with pytest.raises(WorkspaceError, match="FIDO"):
        parse_workspace(GOOD.replace(":mfa/dana", ":u2f/user/dana"), PLACE)


def test_unknown_sessions_get_a_hint() -> None:
    workspace = parse_workspace(GOOD, PLACE)
    with pytest.raises(UnknownSession, match="did you mean gateway"):
        require(workspace, "gatewya")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"[session", b"session = 3", b"[session.x]\nkind='y'", b"version = 9"]
)
def test_h7_nonsense_is_one_error(short_tmp: Path, raw: bytes) -> None:
    path = short_tmp / "workspace.toml"
    path.write_bytes(raw)
    path.chmod(0o600)
    with pytest.raises(WorkspaceError):
        load_workspace(path)


def test_a_missing_workspace_is_an_empty_one(short_tmp: Path) -> None:
    assert load_workspace(short_tmp / "none").sessions == {}


def test_editing_keeps_every_other_byte() -> None:
    after = edited(
        GOOD,
        {("session", "dev"): None, ("session", "new"): {"kind": "process", "command": ["a", "b"]}},
        PLACE,
    )
    assert "# mine, keep this\n" in after
    assert '[session."gateway"]  # the one with keys\n' in after
    assert '"dev"' not in after
    assert parse_workspace(after, PLACE).sessions.keys() == {"gateway", "corp/Admin", "new"}
    assert (
        edited(after, {("session", "new"): None}, PLACE).rstrip()
        == edited(GOOD, {("session", "dev"): None}, PLACE).rstrip()
    )


def test_editing_replaces_sub_tables_too() -> None:
    text = GOOD + '\n[session."tagged"]\nkind = "iam-user"\n[session."tagged".tags]\nteam = "x"\n'
    after = edited(text, {("session", "tagged"): {"kind": "iam-user"}}, PLACE)
    assert 'team = "x"' not in after


def test_an_edit_that_would_touch_more_is_refused() -> None:
    text = 'session = { a = { kind = "iam-user" } }\n'
    with pytest.raises((Bug, WorkspaceError, ValueError)):
        parse_workspace(edited(text, {("session", "a"): None}, PLACE), PLACE)


def test_edit_workspace_writes_0600_and_refuses_unsound_results(short_tmp: Path) -> None:
    path = short_tmp / "c" / "workspace.toml"
    edit_workspace(path, {("session", "a"): {"kind": "iam-user"}})
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(BadInput, match="no such session"):
        edit_workspace(
            path,
            {("session", "b"): {"kind": "role", "role_arn": "arn:aws:iam::222222222222:role/x", "via": "zz"}},
        )
    assert path.read_bytes() == before
    assert table_at(path, ("session", "a")) == {"kind": "iam-user"}
    assert table_at(path, ("session", "b")) is None


def test_h7_a_bad_value_names_its_key_and_never_the_file(short_tmp: Path) -> None:
    """What was typed on the command line is corrected there; only a file faulty before names its lines."""
    path = short_tmp / "c" / "workspace.toml"
    with pytest.raises(BadInput) as caught:
        edit_workspace(path, {("session", "b"): {"kind": "iam-user", "region": "mars"}})
    assert caught.value.message.startswith("region: found 'mars'")
    assert str(path) not in str(caught.value)
    private_dir(path.parent)
    replace(path, b'version = 1\n[session."x"]\nkind = "nope"\n')
    with pytest.raises(WorkspaceError, match="line 2"):
        edit_workspace(path, {("session", "b"): {"kind": "iam-user"}})


def test_s78_tools_are_told_the_region_of_session_integration_or_workspace() -> None:
    text = GOOD.replace("[integration", '[settings]\nregion = "us-west-2"\n\n[integration')
    text = text.replace('/start"', '/start"\nregion = "eu-central-1"')
    workspace = parse_workspace(text, PLACE)
    told = {name: workspace.told(session).region for name, session in workspace.sessions.items()}
    assert told == {"gateway": "us-west-2", "dev": "us-west-2", "corp/Admin": "eu-central-1"}


def test_h7_an_assertion_comes_from_a_saml_provider() -> None:
    text = GOOD.replace('kind = "sso-role"', 'kind = "saml-role"').replace(
        'account_id = "333333333333"\nrole_name = "Admin"',
        'principal_arn = "arn:aws:iam::333333333333:saml-provider/x"\nrole_arn = "arn:aws:iam::333333333333:role/y"',
    )
    with pytest.raises(
        WorkspaceError, match="'corp' is of kind identity-center; a saml-role needs one of kind saml"
    ):
        parse_workspace(text, PLACE)


def test_h7_an_empty_workspace_says_what_to_do() -> None:
    with pytest.raises(UnknownSession, match="there are no sessions yet"):
        require(parse_workspace("version = 1\n", PLACE), "dev")


@settings(max_examples=50)
@given(
    st.recursive(
        st.text() | st.booleans() | st.integers(-(2**40), 2**40),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_toml_values_come_back(value: object) -> None:
    import tomllib

    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_every_kind_of_the_specification_is_there() -> None:
    assert set(KINDS) == {
        "iam-user",
        "role",
        "sso-role",
        "saml-role",
        "web-identity",
        "grant",
        "process",
        "static-endpoint",
    }


def test_the_quick_look_agrees_with_the_whole_reading_or_says_nothing() -> None:
    """`agent.start` may answer "locked" early only when the whole reading would find a root that needs the vault."""
    from gatepass.sessions.agent.porch import needs_vault

    workspace = parse_workspace(GOOD.replace("  # the one with keys", ""), PLACE)
    text = GOOD.replace("  # the one with keys", "")
    for name in ("gateway", "dev", "corp/Admin"):
        assert needs_vault(text, name)
        assert workspace.chain(name)[0].kind in ("iam-user", "sso-role")
    assert not needs_vault(
        GOOD, "gateway"
    )  # a comment behind the header: not our writing, so no quick answer
    assert not needs_vault(text, "nosuch")
    assert not needs_vault(text.replace('kind = "iam-user"', 'kind = "process"'), "dev")
    assert not needs_vault(text.replace('via = "gateway"', 'via = "dev"'), "dev")
    assert not needs_vault(text + '[session."gateway"]\n', "gateway")
    other = text + '[session."other"]\nkind = "process"\nprofile = "gateway"\n'
    assert not needs_vault(other, "gateway")


SHARED = """\
[integration."team"]
kind = "identity-center"
start_url = "https://team.awsapps.com/start"
[session."shared"]
kind = "role"
role_arn = "arn:aws:iam::222222222222:role/shared"
via = "gateway"
[session."dev"]
kind = "role"
role_arn = "arn:aws:iam::999999999999:role/not-ours"
via = "gateway"
"""


def test_s57_a_registry_adds_sessions_and_local_ones_win(short_tmp: Path) -> None:
    (short_tmp / "team.toml").write_text(SHARED)
    text = GOOD.replace("version = 1", 'version = 1\n[settings]\nregistry = ["team.toml"]')
    workspace = parse_workspace(text, short_tmp / "workspace.toml")
    assert workspace.sessions["shared"].source == "registry:team.toml"
    assert workspace.sessions["dev"].account_id == "222222222222"
    assert "team" in workspace.integrations


@pytest.mark.parametrize(
    "more",
    [
        '[session."x"]\nkind = "process"\ncommand = ["sh"]\n',
        '[session."x"]\nkind = "process"\n',
        '[session."x"]\nkind = "iam-user"\nmfa_source = "command:sh -c x"\n',
        '[session."x"]\nkind = "web-identity"\nrole_arn = "arn:aws:iam::222222222222:role/x"\ntoken_command = ["sh"]\n',
        '[integration."x"]\nkind = "saml"\nstart_url = "https://x"\nassertion_command = ["sh"]\n',
    ],
)
def test_s57_a_registry_cannot_make_anything_run(short_tmp: Path, more: str) -> None:
    (short_tmp / "team.toml").write_text(SHARED + more)
    text = GOOD.replace("version = 1", 'version = 1\n[settings]\nregistry = ["team.toml", "gone.toml"]')
    with pytest.raises(WorkspaceError) as caught:
        parse_workspace(text, short_tmp / "workspace.toml")
    assert "not taken from shared files" in str(caught.value)
    assert "no such file" in str(caught.value)
