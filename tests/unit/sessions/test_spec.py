"""The specification's numbered rules: each is cited by a test, and those that were cited by none have theirs here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.canaries import canary
from tests.unit.sessions.conftest import DEV, GATEWAY, GATEWAY_SECRET, Tables, agent_pid
from tests.unit.sessions.fake_aws import FakeAws
from tests.unit.sessions.test_agent import Typist

from gatepass.sessions.client import conversation, request
from gatepass.sessions.errors import Unsafe
from gatepass.sessions.launcher.install import install_launcher
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault import keys, sealed
from gatepass.sessions.vault.store import Vault

Write = Callable[[Tables], None]
agent = pytest.mark.usefixtures("agent_ends", "key_vault")
TESTS = Path(__file__).resolve().parents[2]
RULES = {*range(1, 59), *range(60, 83), 90, 91, 92}  # 59 and 83 to 89 were never given
ACCEPTANCE = set(range(1, 14))
UNTESTABLE: dict[int, str] = {}
"""Rules that no test can show, each with why. None is left."""


def cited(letter: str) -> set[int]:
    """The numbers of rules that tests name, in a test's name or in a docstring or comment."""
    found: set[int] = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "session" not in str(path):
            continue
        for first, last in re.findall(rf"{letter}-(\d+) to {letter}-(\d+)", text):
            found |= set(range(int(first), int(last) + 1))
        found |= {int(n) for n in re.findall(rf"\b{letter}-(\d+)\b", text)}
        found |= {int(n) for n in re.findall(rf"_{letter.lower()}(\d+)_", text)}
    return found


def test_h1_every_rule_is_cited_by_a_test() -> None:
    assert RULES - cited("S") - UNTESTABLE.keys() == set()
    assert ACCEPTANCE - cited("T") == set()
    assert not UNTESTABLE.keys() & cited("S")


def files_with(place: Path, secret: str) -> list[Path]:
    return [p for p in place.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]


@agent
def test_s4_no_secret_lies_on_the_disk_on_any_default_path(
    paths: Paths, fake: FakeAws, write: Write, short_tmp: Path
) -> None:
    """Long-term and short-term, through the launcher, a profile, the environment and the console."""
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    launcher = install_launcher(paths)
    found = json.loads(subprocess.run([str(launcher), "dev"], capture_output=True, check=True).stdout)
    request(paths, "env dev")
    with conversation(paths) as talk:
        talk.call("console", name="dev")
        talk.call("endpoint", names=["dev"])
    secrets = [GATEWAY_SECRET, found["SecretAccessKey"], found["SessionToken"]]
    secrets += [issued.secret for issued in fake.issued.values()]
    assert [files_with(short_tmp, secret) for secret in secrets] == [[]] * len(secrets)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660])
def test_s5_no_key_that_another_user_can_read_is_used(paths: Paths, short_tmp: Path, mode: int) -> None:
    provider = keys.write_keyfile(short_tmp / "k" / "key", keys.new_key())
    os.chmod(short_tmp / "k" / "key", mode)
    with pytest.raises(Unsafe, match="others can reach it"):
        keys.key_for(provider, lambda _: "")


def test_s5_what_lies_beside_the_vault_does_not_open_it(paths: Paths) -> None:
    """Neither the recorded provider nor the install id nor anything of the machine is the key (Leapp's was)."""
    provider = {**keys.passphrase_provider(), "n": 2**15}
    vault = Vault.create(paths.vault, lambda _: (keys.passphrase_key("open sesame", provider), provider))
    vault.put("iam-user/x", {"secret": canary("LongTerm")})
    document = sealed.parse(paths.vault.read_bytes())
    machine = Path("/etc/machine-id")
    guesses = ["", document.install, json.dumps(document.provider), str(document.provider["salt"])]
    guesses += [machine.read_text().strip()] if machine.exists() else []
    for guess in guesses:
        assert not sealed.key_fits(keys.passphrase_key(guess, provider), document)


@agent
def test_s17_start_is_optional_and_prompts_now(paths: Paths, fake: FakeAws, write: Write) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    assert json.loads(request(paths, "get dev"))["Version"] == 1  # never started
    serial = "arn:aws:iam::111111111111:mfa/dana"
    write({("session", "careful"): {**GATEWAY, "mfa_serial": serial}})
    with conversation(paths) as talk:
        talk.call(
            "put_secret",
            name="iam-user/careful",
            value={"access_key_id": "AKIAEXAMPLEGATEWAY01", "secret_access_key": GATEWAY_SECRET},
        )
    before = fake.calls["GetSessionToken"]
    typist = Typist("123456")
    with conversation(paths, typist) as talk:
        talk.call("start", name="careful")
    assert [kind for kind, _ in typist.asked] == ["mfa"]
    assert fake.calls["GetSessionToken"] == before + 1
    request(paths, "get careful")
    assert fake.calls["GetSessionToken"] == before + 1


@agent
def test_s45_the_console_takes_all_its_wishes(paths: Paths, fake: FakeAws, write: Write) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    with conversation(paths) as talk:
        url = talk.call("console", name="dev", service="ec2", region="eu-central-1", logout_first=True)
        plain = talk.call("console", name="dev", destination="https://eu-west-1.console.aws.amazon.com/s3/")
    assert "ec2" in url
    assert "eu-central-1" in url
    assert "Action%3Dlogin" in url or "Action=logout" in url
    assert "console.aws.amazon.com%2Fs3" in plain
    gatepass = str(Path(sys.executable).with_name("gatepass"))
    said = subprocess.run([gatepass, "console", "--help"], capture_output=True, text=True, check=True).stdout
    wanted = (
        "--service --destination --region --duration --print --container --browser-profile --logout-first"
    )
    assert [option for option in wanted.split() if option not in said] == []


@agent
def test_s73_a_mounted_socket_and_the_launcher_are_enough(
    paths: Paths, fake: FakeAws, write: Write, short_tmp: Path
) -> None:
    """What a container gets: the socket, the script and a python3; nothing else of gatepass, no home, no variables."""
    write({("session", "gateway"): GATEWAY})
    launcher = install_launcher(paths)
    request(paths, "get gateway")
    script = short_tmp / "in-the-container"
    shutil.copy(launcher, script)
    python = script.read_text().splitlines()[0][2:].split()[0]
    for place in (paths.data, paths.state):
        place.rename(place.with_name(f"{place.name}-hidden"))
    try:
        command = [
            "env",
            "-i",
            python,
            "-IS",
            str(script),
            "gateway",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    finally:
        for place in (paths.data, paths.state):
            place.with_name(f"{place.name}-hidden").rename(place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Version"] == 1
    assert "169.254.170.2" in (TESTS.parent / "docs" / "sessions.md").read_text(encoding="utf-8")


def test_s81_a_login_of_the_aws_cli_is_read_through_the_aws_cli_only() -> None:
    """The session that is imported runs the AWS CLI; nothing of ours opens its login cache."""
    from gatepass.sessions.importing.aws_config import read_aws

    config = b"[profile console]\nlogin_session = arn:aws:iam::111111111111:user/dana\nregion = eu-west-1\n"
    text = repr(read_aws(config, b""))
    assert "export-credentials" in text
    assert "process" in text
    source = Path(sys.modules["gatepass.sessions"].__path__[0])
    assert not any("login/cache" in p.read_text(encoding="utf-8") for p in source.rglob("*.py"))
    assert not any("create_oauth2_token" in p.read_text(encoding="utf-8") for p in source.rglob("*.py"))


AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
def read(place): open(place, "rb").read(1)
def write(place): open(place, "ab").close()
def enter(place): os.listdir(place)
def call(place): socket.socket(socket.AF_UNIX).connect(place)
for place in sys.argv[1:]:
    for way in (read, write, enter, call):
        try:
            way(place)
        except OSError:
            continue
        print(way.__name__, place)
"""


@agent
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_h3_another_user_of_the_machine_can_open_nothing(
    paths: Paths, fake: FakeAws, write: Write, short_tmp: Path
) -> None:
    """Every file, directory and socket of ours, and what the system shows of the agent; the way there is open."""
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    launcher = install_launcher(paths)
    subprocess.run([str(launcher), "dev"], capture_output=True, check=True)
    os.chmod(short_tmp, 0o755)
    for place in (paths.config, paths.data, paths.state, paths.run):
        os.chmod(place, 0o711)  # even if somebody opened the directories
    pid = agent_pid(paths)
    ours = [str(p) for p in short_tmp.rglob("*")]
    shown = [f"/proc/{pid}/{name}" for name in ("environ", "mem", "maps", "fd", "cwd")]
    assert len(ours) > 8
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *ours, *shown], capture_output=True, text=True, check=True
    )
    for place in (paths.config, paths.data, paths.state, paths.run):
        os.chmod(place, 0o700)
    assert done.stdout == ""


def test_s53_the_watch_looks_often_enough() -> None:
    """5 s when online: the poll leaves a second for the way."""
    from gatepass.sessions.agent.grantwatch import POLL

    assert POLL.total_seconds() <= 4


def test_s20_the_clockwork_turns_often_enough() -> None:
    """A set of the least lifetime has a window of minutes; the ages are looked at every few seconds."""
    from gatepass.sessions.agent.process import TICK_SECONDS
    from gatepass.sessions.freshness import LEAST_WINDOW

    assert LEAST_WINDOW.total_seconds() >= TICK_SECONDS * 4


@agent
def test_s92_a_warm_answer_does_not_wait_for_another_session(
    paths: Paths, fake: FakeAws, write: Write
) -> None:
    """One session's slow AWS is no other's wait."""
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    request(paths, "get dev")
    fake.latency = 20.0
    write({("session", "slow"): {**DEV, "role_arn": "arn:aws:iam::333333333333:role/slow"}})
    waiting = subprocess.Popen([str(install_launcher(paths)), "slow"], stdout=subprocess.DEVNULL)
    try:
        while fake.calls["AssumeRole"] < 2:
            time.sleep(0.005)
        request(paths, "get dev")
        assert waiting.poll() is None
    finally:
        waiting.kill()
        waiting.wait()
