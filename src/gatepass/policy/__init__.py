"""Pure: evaluation of IAM trust and identity policies."""
