"""From a declaration to the documents of AWS: trust, policies, shorter forms."""
