"""The Slack app: modals and messages over the desk. Contains no rule."""
