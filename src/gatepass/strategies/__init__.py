"""How access is given and taken back in AWS, one module per kind of fact."""
