"""From what a login or the server opens to sessions: found, planned, applied."""
