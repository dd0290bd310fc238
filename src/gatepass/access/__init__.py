"""Pure: requests, verdicts, grants, facts and the tables of their legal steps.

- `states`: the words and every legal step between them
- `facts`, `requests`: the values; `events`: what the audit says of them
- `decide`: who may ask, approve, end and extend, with named reasons
- `settle`: what the settle loop does with one fact; `plans`: the values of it; `work`: how its steps are made
- `strategy`: the four verbs asked of whatever changes AWS

Imports no store, no AWS and no clock; time is an argument.
"""
