"""The simulated Identity Center: sso-admin and identitystore."""
