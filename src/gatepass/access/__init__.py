"""Pure: requests, verdicts, grants, facts and the tables of their legal steps."""
