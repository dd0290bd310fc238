"""Message sinks beyond Slack: mail and signed webhooks."""
