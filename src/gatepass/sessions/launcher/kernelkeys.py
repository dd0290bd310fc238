"""The kernel's keyring of this user (Linux): where role credentials wait between processes without an agent (part 7).

A key ends by itself when its time is over, never reaches a disk, and is gone with the machine's last process of the
user. Its text is copied into the launcher, so it imports nothing of gatepass and nothing that costs time.
"""

import ctypes
import os
import sys

_NUMBERS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
_USER_KEYRING = -4
_REVOKE, _SETPERM, _SEARCH, _READ, _SET_TIMEOUT = 3, 5, 10, 11, 15
_POSSESSOR_AND_USER = 0x3F3F0000
"""Every process of this user may read it, as it may ask the agent; the default is the login session alone."""
LIMIT = 32767
NO_KEY = 126
"""ENOKEY: there is none. 127 and 128 say that it has expired or was revoked."""


class KernelKeys:
    """Keys of type `user`, by name. Every call may be repeated. Raises `OSError` where the kernel has no keyring."""

    def __init__(self) -> None:
        numbers: tuple[int, int] | None = None
        if sys.platform == "linux":
            numbers = _NUMBERS.get(os.uname().machine)
        if numbers is None:
            raise OSError(38, "this system has no kernel keyring that gatepass knows")
        self._add, self._control = numbers
        self._libc = ctypes.CDLL(None, use_errno=True)

    def read(self, name: str) -> "bytes | None":
        """The value, or None."""
        key = self._find(name)
        if key is None:
            return None
        room = ctypes.create_string_buffer(LIMIT)
        try:
            length = self._call(self._control, _READ, key, room, ctypes.c_size_t(LIMIT))
        except OSError as error:
            if error.errno in (NO_KEY, 127, 128):
                return None
            raise
        return room.raw[:length]

    def write(self, name: str, value: bytes, seconds: int) -> None:
        """Set a value that ends by itself after `seconds`. OSError 122: the user's quota is full."""
        length = ctypes.c_size_t(len(value))
        key = self._call(self._add, b"user", name.encode(), value, length, ctypes.c_int(_USER_KEYRING))
        self._call(self._control, _SETPERM, key, ctypes.c_uint(_POSSESSOR_AND_USER))
        self._call(self._control, _SET_TIMEOUT, key, ctypes.c_uint(max(seconds, 1)))

    def remove(self, name: str) -> bool:
        """Revoke a key at once; whether there was one."""
        key = self._find(name)
        if key is not None:
            self._call(self._control, _REVOKE, key)
        return key is not None

    def _find(self, name: str) -> "int | None":
        try:
            return self._call(
                self._control, _SEARCH, ctypes.c_int(_USER_KEYRING), b"user", name.encode(), ctypes.c_int(0)
            )
        except OSError as error:
            if error.errno in (NO_KEY, 127, 128):
                return None
            raise

    def _call(self, number: int, *words: "object") -> int:
        done: int = self._libc.syscall(ctypes.c_long(number), *words)
        if done < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return done
