"""`gatepass serve --demo`: a simulated AWS in the same process, a token for every person, loopback only.

What runs is what runs in production: the server reaches the simulator over HTTP, led there by the standard
AWS_ENDPOINT_URL, with credentials like any others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gatepass.app.build import Installation
from gatepass.app.keys import Keys
from gatepass.app.serve import NotLoopback, Say, serve
from gatepass.app.settings import Settings
from gatepass.clock import SystemClock
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import build, world_of
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, SECRET


def serve_demo(
    settings: Settings,
    estate_path: Path,
    *,
    say: Say,
    before: Callable[[Installation], None] = lambda _: None,
) -> None:
    """Serve the estate against a simulated AWS that holds everything the estate speaks of. Blocks."""
    if settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise NotLoopback(f"--demo on {settings.host}: it lets anybody in", advice="leave --host away")
    estate = load_directory(estate_path)
    settings.make_data_dir()
    keys = Keys.open(settings.key)
    external = {
        name: organization.connector.external_id or keys.external_id(organization.connector.instance_arn)
        for name, organization in estate.organizations.items()
    }
    sim = build(world_of(estate, external), SystemClock(), SimSettings(operation_seconds=0.5))
    with SimServer(sim) as server:
        os.environ.update(
            AWS_ENDPOINT_URL=server.url,
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET,
            AWS_DEFAULT_REGION="us-east-1",
        )
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        say(f"simulated AWS on {server.url}: AWS_ENDPOINT_URL={server.url} AWS_ACCESS_KEY_ID={ACCESS_KEY}")
        settings = replace(settings, deciding_tokens="issued")  # anybody is anybody here
        serve(settings, estate_path, say=say, pick_a_person=True, before=before)
