"""People as IAM users in a central account: users, groups, child roles, sandboxes, gateways."""
