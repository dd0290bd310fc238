"""Sessions from what people used before: each reader turns text into tables of `workspace.toml` (S-56)."""
