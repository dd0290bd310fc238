"""Standing trust: compile, plan, reach (pure); apply (plain idempotent steps over aws)."""
