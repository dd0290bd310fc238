"""`gatepass teams`: standing trust, compiled, planned, applied, explained."""
