"""The front door: ask, decide, end, extend, list, show; the same for every face."""
