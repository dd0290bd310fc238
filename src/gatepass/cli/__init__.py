"""The gatepass command. Light: the server is imported only inside serve and worker."""
