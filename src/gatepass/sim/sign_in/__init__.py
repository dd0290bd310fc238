"""How people come in: OIDC, portal, console, MFA."""
