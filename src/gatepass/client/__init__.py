"""The HTTP client of the API, for the command line and the laptop. Standard library only."""
