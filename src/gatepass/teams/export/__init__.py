"""The declaration for other tools: Terraform, CloudFormation, Atmos, a shell."""
