"""The launcher's way to the agent where there are no unix sockets, warm: loopback TCP and a proof of the key (S-31).

Copied into the launcher behind `thin`, whose `connect` it replaces. It may use only `sys` and what the interpreter has
built in, and must not import gatepass. `PROVEN` says what crosses before the first request: the key never does, since
the port of a dead agent may be somebody else's by now.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

KEY_BYTES = 32
PROOF_BYTES = 32
HELLO = b"gatepass 1 "
HELLO_BYTES = len(HELLO) + 2 * PROOF_BYTES + 1
PROOF_SECONDS = 10
PROVEN = b"gatepass-tcp-1"
AGENT, CLIENT = b"A", b"C"


def connect(place: str) -> "_socket.socket":
    """A connection to the agent of the port file `place`, proven on both sides. Raises OSError, also for a stranger."""
    import _socket

    with open(place, "rb") as file:
        port, _, key = file.read(200).partition(b" ")
    link = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        link.setsockopt(
            _socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1
        )  # else the request waits for the proof's receipt
        link.settimeout(PROOF_SECONDS)
        link.connect(("127.0.0.1", int(port)))
        prove(link, int(port), bytes.fromhex(key.decode("ascii").strip()))
        link.settimeout(None)
    except (ValueError, OverflowError) as error:
        link.close()
        raise OSError(22, "the agent's port file " + place + " is damaged") from error
    except OSError:
        link.close()
        raise
    return link


def prove(link: "_socket.socket", port: int, key: bytes) -> None:
    """See that the agent has the key, then show that we have it. Raises OSError for whoever has not.

    The first words are a line, which a server of something else that took the port refuses at once.
    """
    from _operator import _compare_digest as same

    if sys.platform == "win32":
        from nt import urandom
    else:
        from posix import urandom
    ours = urandom(PROOF_BYTES)
    link.sendall(HELLO + ours.hex().encode() + b"\n")
    said = b""
    while len(said) < 2 * PROOF_BYTES:
        part = link.recv(2 * PROOF_BYTES - len(said))
        if not part:
            raise OSError(111, "whoever listens on the agent's port has not its key")
        said += part
    theirs = said[:PROOF_BYTES]
    if not same(said[PROOF_BYTES:], proof(AGENT, port, ours, theirs, key)):
        raise OSError(13, "whoever listens on the agent's port has not its key")
    link.sendall(proof(CLIENT, port, ours, theirs, key))


def proof(side: bytes, port: int, client: bytes, agent: bytes, key: bytes) -> bytes:
    """What only a holder of the key can say, of this side of this connection: BLAKE2b with a key (RFC 7693)."""
    from _blake2 import blake2b

    said = side + port.to_bytes(2, "big") + client + agent
    return blake2b(said, digest_size=PROOF_BYTES, key=key, person=PROVEN).digest()
