"""The shared AWS config: one managed block of ours, every other byte untouched (3.1)."""
