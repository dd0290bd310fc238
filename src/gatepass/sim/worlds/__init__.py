"""Worlds to simulate, from data."""
