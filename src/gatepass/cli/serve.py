"""`gatepass serve` and `gatepass worker`: the only commands that import the server."""

from __future__ import annotations

import importlib.util
import logging
import os
from pathlib import Path

import click

from gatepass.errors import GatepassError


class NotInstalled(GatepassError):
    """The server's packages are not installed."""

    code = "not_installed"


@click.command("serve")
@click.argument("estate", type=click.Path(exists=True, path_type=Path))
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help="Port; 0 takes a free one.  [default: 8080]"
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where SQLite, keys and checkpoints lie.")
@click.option("--demo", is_flag=True, help="With a simulated AWS in the same process; loopback only.")
@click.option(
    "--fake-slack", is_flag=True, help="With --demo: a fake Slack beside it, with a page to play everybody."
)
def serve(
    estate: Path, host: str | None, port: int | None, data_dir: Path | None, demo: bool, fake_slack: bool
) -> None:
    """Apply ESTATE, serve the portal and the API, settle facts.

    It serves until it is stopped. Settings come from GATEPASS_* (docs/settings.md lists them).

    \b
    Examples:
      gatepass serve examples/multi-organization --demo
      gatepass serve estate
    """
    _need_server()
    from gatepass.app.serve import serve as run
    from gatepass.app.settings import read_settings

    settings = read_settings(os.environ, host=host, port=port, data_dir=data_dir)
    if fake_slack and not demo:
        raise click.UsageError("--fake-slack is for --demo")
    if fake_slack:
        from gatepass.cli.fake_slack import serve_with_slack

        serve_with_slack(settings, estate, say=_say)
        return
    if demo:
        from gatepass.app.demo import serve_demo

        serve_demo(settings, estate, say=_say)
        return
    run(settings, estate, say=_say)


@click.command("worker")
@click.argument("estate", type=click.Path(exists=True, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the key file lies.")
def worker(estate: Path, data_dir: Path | None) -> None:
    """Settle facts for a server on the same PostgreSQL. ESTATE is checked; the version in force is the store's."""
    _need_server()
    from gatepass.app.serve import work
    from gatepass.app.settings import read_settings
    from gatepass.estate.reading.sources import load_directory

    load_directory(estate)
    work(read_settings(os.environ, data_dir=data_dir), say=_say)


def _need_server() -> None:
    missing = [
        name for name in ("fastapi", "sqlalchemy", "uvicorn") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise NotInstalled(f"the server needs {', '.join(missing)}", advice="pip install 'gatepass[server]'")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("botocore", "werkzeug", "alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _say(words: str) -> None:
    click.echo(words, err=True)
