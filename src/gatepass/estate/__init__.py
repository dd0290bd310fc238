"""Pure: what exists and what may be asked for; parsing with positions."""
