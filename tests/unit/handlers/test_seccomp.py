"""The filter, run by an interpreter of its instructions: for both machines, also the one the tests do not run on."""

from __future__ import annotations

import struct

import pytest

from gatepass.handlers import seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
EVERYDAY = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "mmap": 9,
        "futex": 202,
        "exit_group": 231,
        "getrandom": 318,
        "recvmsg": 47,
    },
    "aarch64": {
        "read": 63,
        "write": 64,
        "mmap": 222,
        "futex": 98,
        "exit_group": 94,
        "getrandom": 278,
        "recvmsg": 212,
    },
}


def verdict(machine: seccomp.Machine, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would do, by the rules of classic BPF."""
    arguments += (0,) * (6 - len(arguments))
    data = struct.pack("=IIQ6Q", number, machine.audit if audit is None else audit, 0, *arguments)
    code = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    place, accumulator = 0, 0
    while True:
        operation, if_true, if_false, k = code[place]
        place += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, k)
            case 0x06:
                return int(k)
            case 0x15:
                place += if_true if accumulator == k else if_false
            case 0x35:
                place += if_true if accumulator >= k else if_false
            case 0x45:
                place += if_true if accumulator & k else if_false
            case _:
                raise AssertionError(f"an instruction the filter should not use: {operation:#x}")


@pytest.fixture(params=sorted(seccomp.MACHINES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_a_computation_needs_is_allowed(name: str) -> None:
    machine = seccomp.MACHINES[name]
    assert {verdict(machine, number) for number in EVERYDAY[name].values()} == {ALLOW}


def test_every_denied_call_is_refused(name: str) -> None:
    machine = seccomp.MACHINES[name]
    assert {verdict(machine, number) for number in machine.denied.values()} == {EPERM}
    assert len(set(machine.denied.values())) == len(machine.denied)


def test_threads_may_be_made_and_processes_not(name: str) -> None:
    machine = seccomp.MACHINES[name]
    assert verdict(machine, machine.clone, 0x003D0F00) == ALLOW  # the flags of pthread_create
    assert verdict(machine, machine.clone, 17) == EPERM  # fork
    assert verdict(machine, machine.clone3) == ENOSYS


def test_the_signal_at_the_parents_end_cannot_be_taken_back(name: str) -> None:
    machine = seccomp.MACHINES[name]
    assert verdict(machine, machine.prctl, 1, 0) == EPERM
    assert verdict(machine, machine.prctl, 4, 1) == EPERM
    assert verdict(machine, machine.prctl, 15) == ALLOW  # the name of a thread


@pytest.mark.parametrize("command", [8, 10, 15])
def test_the_kernel_cannot_be_made_to_signal_others(name: str, command: int) -> None:
    machine = seccomp.MACHINES[name]
    assert verdict(machine, machine.fcntl, 3, command, 4711) == EPERM
    assert verdict(machine, machine.fcntl, 3, 3) == ALLOW  # F_GETFL
    assert verdict(machine, machine.ioctl, 3, 0x8901, 4711) == EPERM
    assert verdict(machine, machine.ioctl, 3, 0x5401) == ALLOW  # TCGETS: isatty


@pytest.mark.parametrize("address", [1, 1 << 32])
def test_an_open_connection_cannot_be_sent_elsewhere(name: str, address: int) -> None:
    machine = seccomp.MACHINES[name]
    assert verdict(machine, machine.sendto, 5, 6, 7, 8, 0, 0) == ALLOW
    assert verdict(machine, machine.sendto, 5, 6, 7, 8, address, 16) == EPERM


def test_limits_of_other_processes_cannot_be_set(name: str) -> None:
    machine = seccomp.MACHINES[name]
    assert verdict(machine, machine.prlimit64, 0, 7) == ALLOW
    assert verdict(machine, machine.prlimit64, 4711, 7) == EPERM


def test_another_architecture_is_killed(name: str) -> None:
    machine = seccomp.MACHINES[name]
    other = next(each for each in seccomp.MACHINES.values() if each is not machine)
    assert verdict(machine, 0, audit=other.audit) == KILL
    if machine.x32:
        assert verdict(machine, 0x40000000) == KILL
