"""`workspace.toml`: read, checked, and changed without touching what people wrote."""
