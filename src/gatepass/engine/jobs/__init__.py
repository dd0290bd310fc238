"""The job engine: bounded many-step work. It has no part in taking back (architecture.md 2)."""
