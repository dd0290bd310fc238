"""The agent as a process, through its socket and launcher: T-1, T-2, T-6, T-7, T-13 and the S rules they show."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, GATEWAY_SECRET, Tables, agent_pid, end_process
from tests.unit.sessions.fake_aws import Answer, FakeAws
from tests.waiting import LONG, until

from gatepass.sessions.agentless.direct import payload
from gatepass.sessions.client import Person, agent_is_running, conversation, request
from gatepass.sessions.errors import BadInput, Denied, Locked, NeedsHuman, SessionError, Unsafe, Upstream
from gatepass.sessions.files import try_lock
from gatepass.sessions.launcher.install import install_launcher, launch_for, launcher_faults, repair_launcher
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault

pytestmark = pytest.mark.usefixtures("agent_ends")
MFA = "arn:aws:iam::111111111111:mfa/dana"
Write = Callable[[Tables], None]


class Typist(Person):
    """Answers the agent's questions from a list."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def ask(self, kind: str, text: str) -> str:
        self.asked.append((kind, text))
        return self.answers.pop(0)


@pytest.fixture
def launcher(paths: Paths, key_vault: Vault) -> Path:
    return install_launcher(paths)


def take(launcher: Path, profile: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(launcher), profile], capture_output=True, text=True, timeout=LONG, check=False, **more
    )  # type: ignore[call-overload, no-any-return]


def test_t1_chain_of_two_roles_is_three_calls_then_none(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path
) -> None:
    """S-8, S-9, S-12, S-14, S-15, T-1."""
    fake.mfa[MFA] = "123456"
    deep = {
        "kind": "role",
        "role_arn": "arn:aws:iam::333333333333:role/path/to/admin",
        "via": "dev",
        "duration": 7200,
    }
    write(
        {
            ("session", "gateway"): {**GATEWAY, "mfa_serial": MFA},
            ("session", "dev"): DEV,
            ("session", "deep"): deep,
        }
    )
    refused = take(launcher, "deep")
    assert refused.returncode == 1
    assert "gatepass session start" in refused.stderr
    assert refused.stderr.count("\n") == 1
    typist = Typist("123456")
    with conversation(paths, typist) as talk:
        talk.call("start", name="deep")
    assert [kind for kind, _ in typist.asked] == ["mfa"]
    assert MFA in typist.asked[0][1]
    assert fake.calls == {"GetSessionToken": 1, "AssumeRole": 2}
    assert all(int(p["DurationSeconds"]) <= 3600 for op, p in fake.params if op == "AssumeRole")
    assert {p["RoleSessionName"] for op, p in fake.params if op == "AssumeRole"} == {"dana@example.com"}
    found = json.loads(take(launcher, "deep").stdout)
    assert found["Version"] == 1
    assert found["AccountId"] == "333333333333"
    assert found["Expiration"].endswith("Z")
    assert "T" in found["Expiration"]
    take(launcher, "dev")
    assert sum(fake.calls.values()) == 3


def test_s10_a_wrong_code_is_said_of_the_mfa_device(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    fake.mfa[MFA] = "123456"
    write({("session", "gateway"): {**GATEWAY, "mfa_serial": MFA}, ("session", "dev"): DEV})
    with (
        conversation(paths, Typist("654321")) as talk,
        pytest.raises(NeedsHuman, match=f"code of {MFA} was refused"),
    ):
        talk.call("start", name="dev")
    with conversation(paths, Typist("12ab")) as talk, pytest.raises(NeedsHuman, match="6 digits"):
        talk.call("start", name="dev")


def test_t2_100_cold_clients_are_one_mint(fake: FakeAws, write: Write, launcher: Path, paths: Paths) -> None:
    """S-35, T-2: 250 ms mint, agent not running, 100 connections at once."""
    fake.latency = 0.25
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(request(paths, "get dev"))) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.calls == {"AssumeRole": 1}
    assert len(answers) == 100
    assert len(set(answers)) == 1


def test_t6_a_second_agent_and_an_open_directory_are_refused(
    paths: Paths, write: Write, key_vault: Vault
) -> None:
    write({("session", "gateway"): GATEWAY})
    request(paths, "hello 1")
    second = subprocess.run(launch_for(paths).argv, capture_output=True, text=True, timeout=LONG, check=False)
    assert second.returncode == 1
    assert "another agent runs" in second.stderr
    request(paths, "quit")
    os.chmod(paths.run, 0o755)
    with pytest.raises(Unsafe, match="chmod 700"):
        request(paths, "hello 1")
    third = subprocess.run(launch_for(paths).argv, capture_output=True, text=True, timeout=LONG, check=False)
    assert "mode 0755" in third.stderr
    os.chmod(paths.run, 0o700)


def test_s31_the_socket_is_0600(paths: Paths, key_vault: Vault) -> None:
    request(paths, "hello 1")
    assert os.stat(paths.socket).st_mode & 0o777 == 0o600
    assert os.stat(paths.run).st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_t6_another_user_gets_nothing(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path, short_tmp: Path
) -> None:
    """S-32, H3: even with every mode opened, the peer's uid is checked."""
    write({("session", "gateway"): GATEWAY})
    assert take(launcher, "gateway").returncode == 0
    for place in (short_tmp, paths.run):
        os.chmod(place, 0o777)
    os.chmod(paths.socket, 0o777)
    code = (
        "import os,socket,sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'get gateway\\n'); print(s.recv(9))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(paths.socket)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() in ("b''", "") or "Reset" in done.stderr
    assert "user id 65534 is not yours" in paths.audit.read_text()
    os.chmod(paths.run, 0o700)


def test_t7_a_missing_keyring_is_status_6_and_no_file(paths: Paths, write: Write, fake: FakeAws) -> None:
    write({("session", "gateway"): GATEWAY})
    Vault.create(paths.vault, lambda i: (keys.new_key(), {"kind": "keyring", "item": f"vault-key/{i}"}))
    before = sorted(p.name for p in paths.data.iterdir())
    launcher = install_launcher(paths)
    done = take(launcher, "gateway", env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert done.returncode == 1
    assert "no system keyring" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(p.name for p in paths.data.iterdir() if p.name != "bin") == before
    with pytest.raises(Locked):
        request(paths, "get gateway")


def test_t13_the_launcher_does_not_depend_on_its_surroundings(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path, short_tmp: Path
) -> None:
    write({("session", "gateway"): GATEWAY})
    hostile = short_tmp / "hostile"
    hostile.mkdir()
    for name in ("socket", "json", "os", "_socket", "sys", "fcntl", "asyncio", "gatepass"):
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile module ran')")
    cold = subprocess.run(
        ["env", "-i", str(launcher), "gateway"], cwd=hostile, capture_output=True, text=True, check=False
    )
    assert cold.returncode == 0, cold.stderr
    with_path = {"PYTHONPATH": str(hostile), "PYTHONSTARTUP": str(hostile / "os.py")}
    assert take(launcher, "gateway", cwd=hostile, env=with_path).returncode == 0
    shell = subprocess.run(["sh", "-c", f"{launcher} gateway"], capture_output=True, text=True, check=False)
    assert json.loads(shell.stdout) == json.loads(cold.stdout)
    os.chmod(paths.state, 0o500)
    assert take(launcher, "gateway").returncode == 0
    os.chmod(paths.state, 0o700)


def test_s91_warm_the_launcher_imports_sys_and_socket_only(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path
) -> None:
    write({("session", "gateway"): GATEWAY})
    take(launcher, "gateway")
    interpreter = launcher.read_text().splitlines()[0][2:].removesuffix(" -IS")
    base = subprocess.run(
        [interpreter, "-I", "-S", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    probe = (
        "import sys\nsource = open(sys.argv[1]).read().replace('\\nleave(', '\\ncode = (')\n"
        "sys.argv = ['x', 'gateway']\n"
        "exec(compile(source, 'x', 'exec'))\nprint(*sys.modules)"
    )
    warm = subprocess.run(
        [interpreter, "-I", "-S", "-c", probe, str(launcher)], capture_output=True, text=True, check=True
    )
    more = set(warm.stdout.splitlines()[-1].split()) - set(base.stdout.split())
    assert more <= {"_socket"}


def test_s40_a_launcher_of_another_python_is_found_and_repaired(paths: Paths, launcher: Path) -> None:
    assert launcher_faults(paths) == []
    launcher.write_text(launcher.read_text().replace("#!/", "#!/gone/", 1))
    assert "is gone" in launcher_faults(paths)[0]
    assert repair_launcher(paths)
    assert launcher_faults(paths) == []
    launcher.write_text(launcher.read_text().replace("#!/", "#!/gone/", 1))
    request(paths, "hello 1")  # any use of the agent by the command line repairs it
    assert launcher_faults(paths) == []


def test_s38_the_first_line_names_the_base_interpreter_isolated(launcher: Path) -> None:
    first = launcher.read_text().splitlines()[0]
    assert first.startswith("#!/")
    assert first.endswith(" -IS")
    assert ".venv" not in first
    assert "shims" not in first
    assert os.stat(launcher).st_mode & 0o777 == 0o700


def test_s18_stop_refuses_until_start(paths: Paths, fake: FakeAws, write: Write, launcher: Path) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    assert take(launcher, "dev").returncode == 0
    with conversation(paths) as talk:
        assert talk.call("stop", name="dev") == ["dev", "gateway"]
        done = take(launcher, "dev")
        assert done.returncode == 1
        assert "was stopped; run: gatepass session start dev" in done.stderr
    request(paths, "quit")  # a new agent remembers
    assert "was stopped" in take(launcher, "dev").stderr
    with conversation(paths) as talk:
        talk.call("start", name="dev")
    assert take(launcher, "dev").returncode == 0


def test_s16_every_change_is_in_the_audit_log_without_secrets(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path
) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    found = json.loads(take(launcher, "dev").stdout)
    request(paths, "status")
    events = [json.loads(line) for line in paths.audit.read_text().splitlines()]
    moves = [(e["from"], e["to"]) for e in events if e["event"] == "state" and e["session"] == "dev"]
    assert moves == [("inactive", "pending"), ("pending", "active")]
    issued = next(e for e in events if e["event"] == "issued")
    assert issued["session"] == "dev"
    assert issued["pid"] > 0
    log = paths.audit.read_text() + paths.log.read_text()
    for secret in (found["SecretAccessKey"], found["SessionToken"], GATEWAY_SECRET):
        assert secret not in log


def test_s34_the_wire(paths: Paths, write: Write, fake: FakeAws, key_vault: Vault) -> None:
    write({("session", "gateway"): GATEWAY})
    assert request(paths, "hello 1").split()[0] == b"1"

    def raw(line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(paths.socket))
            link.sendall(line)
            link.shutdown(socket.SHUT_WR)
            parts = []
            while part := link.recv(65536):
                parts.append(part)
            return b"".join(parts)

    assert raw(b"hello 2\n")[:2] == b"9 "
    assert raw(b"nonsense\n")[:2] == b"2 "
    assert raw(b"get\n")[:2] == b"2 "
    assert raw(b"get nosuch\n")[:2] == b"2 "
    assert raw(b"get " + b"x" * 5000 + b"\n")[:2] == b"2 "
    assert raw(b"\xff\xfe\n")[:2] == b"2 "
    assert raw(b"") == b""
    assert raw(b"control 1\n[1]\n{}\nnot json\n").count(b'"ok": false') == 3
    assert raw(b"get gateway\n")[:2] == b"0 "


def test_s33_an_agent_killed_between_connect_and_answer_is_started_again(
    paths: Paths, fake: FakeAws, write: Write, launcher: Path
) -> None:
    """H1: SIGKILL while clients wait for a mint; they start one new agent and get an answer."""
    fake.answering.clear()
    write({("session", "gateway"): GATEWAY})
    request(paths, "hello 1")
    pid = agent_pid(paths)
    assert pid is not None
    clients = [
        subprocess.Popen([str(launcher), "gateway"], stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    until(lambda: fake.calls)
    os.kill(pid, signal.SIGKILL)
    fake.answering.set()
    answers = {client.communicate()[0] for client in clients}
    assert len(answers) == 1
    assert json.loads(answers.pop())["Version"] == 1
    assert agent_pid(paths) != pid


def test_s33_a_stale_socket_and_a_dead_owner_are_no_obstacle(paths: Paths, key_vault: Vault) -> None:
    request(paths, "hello 1")
    pid = agent_pid(paths)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    end_process(pid)
    assert paths.socket.exists()
    request(paths, "hello 1")
    assert try_lock(paths.agent_lock) is None


def test_s37_the_agent_leaves_no_core_and_cannot_be_traced(paths: Paths, key_vault: Vault) -> None:
    request(paths, "hello 1")
    pid = agent_pid(paths)
    limits = Path(f"/proc/{pid}/limits").read_text()
    line = next(row for row in limits.splitlines() if row.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]
    variables = Path(f"/proc/{pid}/environ").read_bytes() if os.geteuid() == 0 else b""
    assert b"AWS_SECRET" not in variables


def test_s29_lock_forgets_everything(paths: Paths, fake: FakeAws, write: Write, launcher: Path) -> None:
    write({("session", "gateway"): GATEWAY})
    assert take(launcher, "gateway").returncode == 0
    request(paths, "lock")
    done = take(launcher, "gateway")
    assert done.returncode == 1
    assert "vault is locked" in done.stderr
    with conversation(paths) as talk:
        with pytest.raises(Locked, match="run: gatepass vault unlock"):  # not opened by the way, either
            talk.call("get", name="gateway")
        talk.call("unlock")
    assert take(launcher, "gateway").returncode == 0


def test_h7_a_paused_agent_is_said_and_never_taken_for_none(
    paths: Paths, write: Write, key_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(paths, "status")
    pid = agent_pid(paths)
    assert pid is not None
    monkeypatch.setattr("gatepass.sessions.client.HELLO_SECONDS", 0.2)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Upstream, match="does not answer within"):
            agent_is_running(paths)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_passphrase_vault_is_opened_by_the_person_once(paths: Paths, fake: FakeAws, write: Write) -> None:
    provider = {**keys.passphrase_provider(), "n": 2**15}
    vault = Vault.create(paths.vault, lambda i: (keys.passphrase_key("open sesame", provider), provider))
    vault.put(
        "iam-user/gateway", {"access_key_id": "AKIAEXAMPLEGATEWAY01", "secret_access_key": GATEWAY_SECRET}
    )
    write({("session", "gateway"): GATEWAY})
    with conversation(paths, Typist("wrong")) as talk, pytest.raises(Locked, match="does not open"):
        talk.call("start", name="gateway")
    typist = Typist("open sesame")
    with conversation(paths, typist) as talk:
        talk.call("start", name="gateway")
        talk.call("start", name="gateway")
    assert [kind for kind, _ in typist.asked] == ["passphrase"]


def test_h7_aws_faults_are_one_line_with_the_right_status(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    cases: list[tuple[Answer, type[SessionError], str]] = [
        (Answer(403, "AccessDenied", "not authorized to perform: sts:AssumeRole"), Denied, "AccessDenied"),
        (Answer(403, "RegionDisabledException", "STS is not activated"), Upstream, "another region"),
        (Answer(400, "MalformedPolicyDocument", "bad"), Upstream, "policy"),
        (Answer(403, "SignatureDoesNotMatch", "clock"), Upstream, "clock"),
    ]
    for answer, kind, text in cases:
        fake.fail["AssumeRole"] = [answer]
        with pytest.raises(kind, match=text) as caught:
            request(paths, "get dev")
        assert "\n" not in str(caught.value)
    fake.users.clear()
    with pytest.raises(Denied, match="gatepass session secret gateway"):
        request(paths, "get dev")


def test_h7_no_network_is_upstream(paths: Paths, write: Write, key_vault: Vault) -> None:
    write({("session", "gateway"): GATEWAY})
    text = paths.workspace.read_text().replace('sts = "http://127.0.0.1:', 'sts = "http://127.0.0.1:1#')
    paths.workspace.write_text(text.replace("#", "/"))
    with pytest.raises(Upstream, match=r"nobody answers at http://127\.0\.0\.1:1;.*run the command again"):
        request(paths, "get gateway")


def test_h7_a_workspace_made_faulty_keeps_the_last_sound_one(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    write({("session", "gateway"): GATEWAY})
    request(paths, "get gateway")
    paths.workspace.write_text("[half written")
    request(paths, "get gateway")
    with pytest.raises(BadInput, match="no session or profile"):
        request(paths, "get other")


def test_s30_an_unknown_operation_and_wrong_types_are_usage_errors(paths: Paths, key_vault: Vault) -> None:
    with conversation(paths) as talk:
        with pytest.raises(BadInput, match="unknown operation"):
            talk.call("get_secret", name="iam-user/gateway")
        with pytest.raises(BadInput, match="value must be an object"):
            talk.call("put_secret", name="x", value="y")


@pytest.fixture
def agentless(paths: Paths, fake: FakeAws, write: Write, key_vault: Vault) -> Path:
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    text = paths.workspace.read_text().replace("[settings]\n", '[settings]\nagent = false\ncache = "file"\n')
    paths.workspace.write_text(text)
    return install_launcher(paths)


def test_t2_without_an_agent_locks_give_one_mint(fake: FakeAws, agentless: Path, paths: Paths) -> None:
    """S-36: a hundred clients, cold, one mint; the cache is encrypted; no agent appears.

    Eight are processes; the others are threads that share nothing but the files: the kernel's locks do not care.
    """
    fake.latency = 0.25
    with ThreadPoolExecutor(92) as pool:
        threads = [pool.submit(lambda: asyncio.run(payload(paths, "dev"))) for _ in range(92)]
        clients = [subprocess.Popen([str(agentless), "dev"], stdout=subprocess.PIPE) for _ in range(8)]
        answers = [client.communicate()[0] for client in clients] + [each.result() for each in threads]
    assert fake.calls == {"AssumeRole": 1}
    assert len(answers) == 100
    (answer,) = set(answers)
    secret = json.loads(answer)["SecretAccessKey"]
    assert secret.encode() not in (paths.data / "cache.bin").read_bytes()
    assert not paths.socket.exists()


def test_t2_without_an_agent_a_killed_lock_holder_is_replaced(fake: FakeAws, agentless: Path) -> None:
    """H1: the holder dies midway by SIGKILL; the kernel frees its lock and another mints."""
    fake.answering.clear()
    first = subprocess.Popen([str(agentless), "dev"], stdout=subprocess.PIPE, text=True)
    until(lambda: fake.calls)
    others = [subprocess.Popen([str(agentless), "dev"], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    first.kill()
    first.communicate()
    fake.answering.set()
    answers = {client.communicate()[0] for client in others}
    assert len(answers) == 1
    assert json.loads(answers.pop())["Version"] == 1
    assert fake.calls == {"AssumeRole": 2}
