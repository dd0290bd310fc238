"""Runs implementer code in a process of its own; it can narrow, never widen."""
