"""Groups of commands that are imported when they are first looked at, shown by what they are for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

from gatepass.errors import GatepassError

Sections = Mapping[str, Mapping[str, str]]
"""Section of the help page -> command -> `module:attribute`; in a section what is typed first, or most, comes first."""


class SectionedGroup(click.Group):
    """A click group over `sections`: none of its commands pays for the imports of another."""

    def __init__(self, *given: object, sections: Sections, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.sections = sections
        self._places = {name: place for commands in sections.values() for name, place in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("gatepass"):
                raise
            raise GatepassError(
                f"gatepass {cmd_name} needs {error.name}, which this installation has not",
                advice="install what the server needs, on Linux: pip install 'gatepass[server]'",
            ) from error
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command is answered with the nearest one."""
        from difflib import get_close_matches

        near = [] if args[0] in self._places else get_close_matches(args[0], self._places, n=1)
        if near:
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line per command, in the order of the sections."""
        width = max(map(len, self._places))
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self.summary(ctx, name)) for name in commands])

    def summary(self, ctx: click.Context, name: str) -> str:
        """What the help page says about the command `name`."""
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(100)
