"""The ways credentials reach tools: environment, container endpoint, console, SSM (2.6)."""
