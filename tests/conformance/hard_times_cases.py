"""H7 as data: what is wrong, what is typed, how it ends, which words the one line has, and within which time."""

from __future__ import annotations

from dataclasses import dataclass

USAGE, FAILURE, HUMAN, DENIED, OUTSIDE = 2, 1, 3, 4, 5
TWO_TRIES = 60.0
"""Seconds: two tries with a time-out of 15 to 25 s each, and S-49's 55 s."""


@dataclass(frozen=True)
class Case:
    """One bad day. `wrong` are arrangements of `hard_times`; `typed` may call the `LAUNCHER`."""

    wrong: tuple[str, ...]
    typed: str
    code: int
    says: tuple[str, ...]
    entered: str = ""
    seconds: float = 30.0
    fast: bool = False

    @property
    def name(self) -> str:
        return f"{', '.join(self.wrong) or 'nothing'}: {self.typed}"


def case(wrong: str, typed: str, code: int, *says: str, **more: object) -> Case:
    return Case(tuple(w for w in wrong.split("; ") if w), typed, code, says, **more)  # type: ignore[arg-type]


START = "gatepass session start dev"
NOT_AWS = ("what answered is not AWS", "then run the command again")
UNKNOWN = ("there is no session or profile 'nosuch'", "run: gatepass session list")
EDIT = ("workspace.toml has 1 fault", "edit ")
FIX = "nothing was changed"
CASES: tuple[Case, ...] = (
    case("", "gatepass ui", USAGE, "ui needs a terminal", "run: gatepass status"),
    case("no workspace", "gatepass session list", 0, "there are no sessions yet", "run: gatepass session add"),
    case("no workspace", "gatepass status", 0, "there are no sessions yet", "run: gatepass session add"),
    case("no vault", "gatepass session add x iam-user", HUMAN, "there is no vault", "run: gatepass vault init"),
    case("no vault", "gatepass vault init --provider keyfile", USAGE, "--provider keyfile --key-file PATH"),
    # --- what is typed ---------------------------------------------------------------------------------------------
    *(
        case("", typed, USAGE, *UNKNOWN)
        for typed in (
            "gatepass session start nosuch",
            "gatepass exec nosuch -- true",
            "gatepass console nosuch",
            "gatepass env nosuch",
            "gatepass session explain nosuch",
            "gatepass session stop nosuch",
            "gatepass session edit nosuch region=eu-west-1",
            "gatepass session rm nosuch",
            "gatepass whoami nosuch",
            "gatepass ssm nosuch",
            "gatepass endpoint nosuch",
            "gatepass profiles install nosuch",
            "gatepass files write nosuch --i-know",
            "gatepass vault rotate-iam-key nosuch",
            "gatepass ssh-forward host -s nosuch",
        )
    ),
    case("", "gatepass status nosuch", USAGE, *UNKNOWN, fast=True),
    case("", "gatepass session start dve", USAGE, "no session or profile 'dve'", "did you mean dev?", fast=True),
    *(
        case("", f"gatepass {typed}", USAGE, "no integration 'nosuch'", "run: gatepass integration list")
        for typed in ("login nosuch", "logout nosuch", "sync nosuch", "integration rm nosuch")
    ),
    case("", "gatepass session add x role role_arn=nonsense via=gateway", USAGE, "'nonsense' is not an ARN", FIX),
    case("", "gatepass session add x role role_arn=arn:aws:iam::222222222222:role/x via=gone", USAGE,
         "via: found 'gone'; there is no such session", FIX, fast=True),
    case("", "gatepass session edit dev via=dev", USAGE, "a cycle: dev -> dev", FIX, fast=True),
    case("", "gatepass session add x role", USAGE, "role_arn: missing", "via: missing", FIX),
    case("", "gatepass session add dev role", USAGE, "already", "run: gatepass session edit dev KEY=VALUE"),
    case("", "gatepass session edit dev duration=10", USAGE, "duration: found 10", "900 to 129600", FIX),
    case("", "gatepass session edit dev prod=yes", USAGE, "prod: found 'yes'", "true or false"),
    case("", "gatepass console local", USAGE, "is a local endpoint; it has no console"),
    case("", "gatepass console dev --duration 7 --print", USAGE, "--duration: found 7", "900 to 43200"),
    case("", "gatepass console gateway --duration 130000 --print", USAGE, "900 to 129600"),
    case("", "gatepass exec dev -- nosuchprogram", USAGE, "'nosuchprogram' cannot be run"),
    # --- the workspace ---------------------------------------------------------------------------------------------
    case("a cycle", START, USAGE, *EDIT, "line 42", "a cycle: a -> b -> a", fast=True),
    case("a missing parent", "gatepass session list", USAGE, *EDIT, "via: found 'gone'; there is no such session"),
    case("a bad ARN", "gatepass status", USAGE, *EDIT, "the account '22222' is not 12 digits", fast=True),
    case("an unknown key", START, USAGE, *EDIT, "rolearn: unknown key; allowed:"),
    case("a typing error in TOML", START, USAGE, *EDIT, "at line 42"),
    case("half a workspace", START, USAGE, *EDIT, "not TOML"),
    case("a workspace that is not text", "gatepass session list", USAGE, *EDIT, "not TOML"),
    case("an empty workspace", START, USAGE, "there are no sessions yet", "run: gatepass session add"),
    case("no workspace", START, USAGE, "there are no sessions yet", "run: gatepass session add"),
    case("a workspace of somebody else", "gatepass session list", FAILURE, "belongs to user id 12345", "move it away"),
    case("a bad registry", "gatepass session list", USAGE, *EDIT, "gone.toml: there is no such file"),
    # --- the vault -------------------------------------------------------------------------------------------------
    case("half a vault", START, FAILURE, "the vault file is damaged", "gatepass vault init --replace"),
    case("an empty vault", START, FAILURE, "the vault file is damaged", "gatepass vault init --replace"),
    case("no vault", START, HUMAN, "there is no vault at", "run: gatepass vault init"),
    case("a vault others can read", START, FAILURE, "has mode 0644", "run: chmod 600", fast=True),
    case("a vault of somebody else", START, FAILURE, "belongs to user id 12345", "move it away"),
    case("no key file", START, HUMAN, "key file", "is missing", "put it back"),
    case("half a key file", START, USAGE, "is not a key", "put the right one back"),
    case("a lock of the vault", START, HUMAN, "the vault was locked", "run: gatepass vault unlock", fast=True),
    case("launcher; a lock of the vault", "LAUNCHER dev", FAILURE, "the vault is locked", "run: gatepass vault unlock"),
    case("a vault with a passphrase", START, HUMAN, "vault passphrase: nothing was entered", "--fd"),
    case("launcher; a vault with a passphrase", "LAUNCHER dev", FAILURE, "locked", "run: gatepass vault unlock"),
    case("no agent; a vault with a passphrase", START, HUMAN, "vault passphrase: nothing was entered"),
    case("no access key", START, HUMAN, "no access key for session 'gateway'", "run: gatepass session secret gateway"),
    case("a deleted access key", START, DENIED, "AWS no longer accepts its keys", "gatepass session secret gateway"),
    case("a wrong secret key", START, OUTSIDE, "SignatureDoesNotMatch", "gatepass session secret gateway", fast=True),
    # --- codes, tokens, approvals ----------------------------------------------------------------------------------
    case("", "gatepass session start strong", HUMAN, "was refused", "run: gatepass session start strong",
         entered="000000\n"),
    case("", "gatepass session start strong", HUMAN, "an MFA code is 6 digits", entered="12\n"),
    case("", "gatepass session start strong", HUMAN, "needs an MFA code", "nothing was entered"),
    case("a code that was used", "gatepass session start strong", HUMAN, "was refused",
         "run: gatepass session start strong", entered="CODE\n"),
    case("launcher", "LAUNCHER strong", FAILURE, "needs an MFA code", "run: gatepass session start strong"),
    case("launcher", "LAUNCHER portal", FAILURE, "integration 'corp' needs login", "run: gatepass login corp"),
    case("launcher; an expired token", "LAUNCHER portal", FAILURE, "needs login", "run: gatepass login corp"),
    case("launcher; a token that AWS takes no more", "LAUNCHER portal", FAILURE, "run: gatepass login corp"),
    case("launcher; a refresh token that AWS takes no more", "LAUNCHER portal", FAILURE, "run: gatepass login corp"),
    case("launcher", "LAUNCHER granted", FAILURE, "not logged in", "run: gatepass login"),
    case("launcher; a stopped session", "LAUNCHER dev", FAILURE, "was stopped", "run: gatepass session start dev"),
    case("launcher", "LAUNCHER nosuch", FAILURE, *UNKNOWN),
    case("a role that is not there", "gatepass session start x", DENIED, "AccessDenied", "must trust the caller"),
    case("", "gatepass session start portal", OUTSIDE, "Invalid start url", "gatepass integration list"),
    # --- no network ------------------------------------------------------------------------------------------------
    case("nobody at AWS's address", START, OUTSIDE, "nobody answers at http://127.0.0.1:", "run the command again",
         fast=True),
    case("nobody at AWS's address", "gatepass login corp", OUTSIDE, "nobody answers at", "run the command again"),
    case("launcher; nobody at AWS's address", "LAUNCHER dev", FAILURE, "nobody answers at"),
    case("no agent; nobody at AWS's address", START, OUTSIDE, "nobody answers at"),
    case("a name that does not resolve", START, OUTSIDE, "the name sts.nosuch.invalid is not known here"),
    case("a dead proxy", START, OUTSIDE, "the proxy http://127.0.0.1:", "does not answer", "check HTTPS_PROXY"),
    case("deaf", START, OUTSIDE, "did not answer in time", "run the command again", seconds=TWO_TRIES),
    case("launcher; deaf", "LAUNCHER dev", FAILURE, "did not answer in time", seconds=TWO_TRIES),
    # --- servers that lie ------------------------------------------------------------------------------------------
    *(
        case(f"lie:{lie}", START, OUTSIDE, *NOT_AWS, fast=lie == "html")
        for lie in ("html", "empty", "json", "truncated", "redirect", "huge")
    ),
    case("lie:html-407", START, OUTSIDE, "the proxy wants a login (HTTP 407)", "HTTPS_PROXY"),
    case("lie:html-502", START, OUTSIDE, "failed (HTTP 502)", "wait a little"),
    case("lie:500", START, OUTSIDE, "failed (HTTP 500)", "wait a little"),
    case("lie:past", START, OUTSIDE, "were over at", "check this machine's clock", fast=True),
    case("lie:other-account", START, OUTSIDE, "are of account 999999999999; they were thrown away", fast=True),
    case("lie:drip", START, OUTSIDE, "did not answer in time", seconds=TWO_TRIES),
    case("lie:silent", START, OUTSIDE, "did not answer in time", seconds=TWO_TRIES),
    *(case(f"lie:{lie}", "gatepass login corp", OUTSIDE, *NOT_AWS) for lie in ("html", "empty", "json")),
    case("lie:html", "gatepass console gateway --print", OUTSIDE, *NOT_AWS),
    case("a token that AWS takes no more; lie:json", "gatepass session start portal", OUTSIDE, *NOT_AWS),
    # --- files, disks, homes ---------------------------------------------------------------------------------------
    case("damaged state files", START, 0, "session dev is active"),
    case("a dead agent's socket", START, 0, "session dev is active"),
    case("a file where the socket should be", START, 0, "session dev is active"),
    case("no agent, a cache in a file; half a cache", START, 0, "session dev is active"),
    case("no home", START, 0, "session dev is active"),
    case("a config with an unpaired mark", "gatepass profiles install", FAILURE, "1 begin and 0 end marks",
         "remove the stray marks by hand"),
    case("a config that cannot be read", "gatepass profiles install", FAILURE, "Is a directory"),
    case("a launcher whose Python has gone", "gatepass doctor", FAILURE, "/nowhere/python3 is gone",
         "run: gatepass profiles repair"),
    case("a full disk", START, 0, "session dev is active"),
    case("a full disk", "gatepass session edit dev region=us-east-1", FAILURE, "workspace.toml: No space left",
         "free some space"),
    case("a full disk", "gatepass session secret gateway", FAILURE, "vault.bin: No space left", "free some space",
         entered=f"AKIAHARDTIMESUSER002\n{'s' * 40}\n"),
    case("a full disk", "gatepass session stop dev", FAILURE, "No space left", "free some space"),
    case("a read-only directory", START, FAILURE, "Read-only file system", "GATEPASS_HOME"),
    case("a read-only directory", "gatepass session list", 0, "dev"),
    case("a read-only directory", "gatepass session edit dev region=us-east-1", FAILURE, "Read-only file system",
         "GATEPASS_HOME"),
)  # fmt: skip
