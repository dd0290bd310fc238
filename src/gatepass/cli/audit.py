"""`gatepass audit`: proof that the log is whole. Verifying needs an export and old checkpoints; nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from gatepass.access.chain import INSTALLATION, Fault, read_export
from gatepass.access.checkpoint import BadCheckpoint, Checkpoint, Verdict, read_checkpoint
from gatepass.access.checkpoint import verify as verify_entries
from gatepass.cli.outcomes import BAD_INPUT, FAILURE
from gatepass.cli.server import connect

_file = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.group()
def audit() -> None:
    """The audit log: take it out, prove that it is whole."""


@audit.command("export")
@click.option("--organization", "organizations", multiple=True, help="Only these chains; may be repeated.")
def export_log(organizations: tuple[str, ...]) -> None:
    """Write the server's log as JSON lines to stdout.

    For keeping, and for `gatepass audit verify`.
    """
    for line in connect().lines("/v1/audit/export", organization=organizations):
        click.echo(line, nl=False)


@audit.command()
@click.argument("export", type=_file)
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=_file, help="A signed checkpoint; may be repeated."
)
@click.option(
    "--organization", "organizations", multiple=True, help="Where the export holds only some chains."
)
@click.option("--key", help="The fingerprint of the key that checkpoints must be signed with.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to answer.",
)
def verify(
    export: Path, checkpoints: tuple[Path, ...], organizations: tuple[str, ...], key: str | None, output: str
) -> None:
    """Check EXPORT, made by `gatepass audit export`, without any server.

    EXPORT may be `-`: standard input.

    Every entry that was changed, removed, reordered or cut off is named. What was cut off at the end, or written
    anew as a whole, shows only against a checkpoint from before. Exit 0 when it is whole, 1 when not, 2 when the
    files cannot be read.

    \b
    Examples:
      gatepass audit export > log.jsonl
      gatepass audit verify log.jsonl --checkpoint checkpoint.json
    """
    kept = [_read_checkpoint(place) for place in checkpoints]
    with click.open_file(str(export), encoding="utf-8", errors="replace") as lines:
        entries, unread = read_export(lines)
    if not entries and (unread or not kept):
        click.echo(f"{export} is no export of the audit log: no line of it is an entry", err=True)
        click.echo("  next: name a file that `gatepass audit export` wrote", err=True)
        sys.exit(BAD_INPUT)
    names = {INSTALLATION if name == "installation" else name for name in organizations} or None
    verdict = verify_entries(entries, kept, organizations=names, key=key)
    faults = (*unread, *verdict.faults)
    click.echo(_as_json(verdict, faults) if output == "json" else _as_text(verdict, faults))
    if faults:
        sys.exit(FAILURE)


def _read_checkpoint(place: Path) -> Checkpoint:
    try:
        return read_checkpoint(place.read_text(encoding="utf-8", errors="replace"))
    except BadCheckpoint as bad:
        click.echo(f"{place}: {bad}", err=True)
        sys.exit(BAD_INPUT)


def _as_json(verdict: Verdict, faults: tuple[Fault, ...]) -> str:
    said = {
        "verified": not faults,
        "chains": {
            name or "installation": {"entries": length, "vouched": verdict.vouched.get(name, 0)}
            for name, length in verdict.lengths.items()
        },
        "faults": [
            {"chain": fault.organization or "installation", "seq": fault.seq, "found": fault.found}
            for fault in faults
        ],
    }
    return json.dumps(said, indent=1, ensure_ascii=False)


def _as_text(verdict: Verdict, faults: tuple[Fault, ...]) -> str:
    lines = [
        f"{name or 'installation'}: {length} entries, {_vouched(verdict.vouched.get(name, 0))}"
        for name, length in verdict.lengths.items()
    ]
    lines += [f"FAULT {fault}" for fault in faults]
    lines.append(f"NOT whole: {len(faults)} faults" if faults else "whole")
    return "\n".join(lines)


def _vouched(seq: int) -> str:
    return f"vouched for up to {seq}" if seq else "no checkpoint vouches for them"
