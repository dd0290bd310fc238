"""The HTTP API over the desk: routes, bodies, problem details. Contains no rule."""

from gatepass.api.app import Health, build_api
from gatepass.api.routes import Applier, Parts

__all__ = ["Applier", "Health", "Parts", "build_api"]
