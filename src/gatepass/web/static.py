"""The portal's own style and scripts, under addresses that name their content, so that browsers may keep them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from gatepass.web.words import STATIC

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
FOREVER = "public, max-age=31536000, immutable"


def asset(request: Request) -> Response:
    """One file. The digest in its address is for the browser's cache only; only files listed at start are served."""
    path = FILES.get(request.path_params["name"])
    if path is None:
        return PlainTextResponse("there is no such file\n", 404)
    return FileResponse(path, media_type=TYPES[path.suffix], headers={"Cache-Control": FOREVER})
