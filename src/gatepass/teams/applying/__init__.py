"""Plans against live accounts: read, made, applied step by step."""
