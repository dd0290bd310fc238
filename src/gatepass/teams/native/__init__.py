"""The native form of a declaration."""
