"""One module per kind of fact: the calls that make it, unmake it and see it.

- `sso_assignment`: a user holds a permission set in an account; `sso_membership`: a user is in a group
- `claims`: which facts a target and a person come to, in AWS's own names
- `plugins`: ours, and those found through the entry-point group `gatepass.strategies`

Strategies do not know each other; what two of them need of the door's errors is in `outcome`.
"""
