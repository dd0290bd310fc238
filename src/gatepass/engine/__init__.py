"""Carries requests through time: the settle loop over facts, the limiter, the outbox."""
