"""The per-user daemon: keeps role credentials in memory and hands them to this user's processes (2.5)."""
