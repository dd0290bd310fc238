"""The same guarantees without an agent (`agent = false`, S-36)."""
