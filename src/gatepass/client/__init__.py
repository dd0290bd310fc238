"""The HTTP client of the API, for the command line and the laptop. Standard library only."""

from gatepass.client.api import ApiError, Client, NoServer, segment

__all__ = ["ApiError", "Client", "NoServer", "segment"]
