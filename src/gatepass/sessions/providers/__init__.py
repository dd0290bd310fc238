"""The calls that yield credentials, one module per service. Blocking; the agent runs them in threads."""
