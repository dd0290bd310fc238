"""From files to an estate: every fault at once, each with its place."""
