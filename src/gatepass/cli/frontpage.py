"""What `gatepass --help` prints. Written by `make format`; held to click by `make check`."""

TEXT = """\
Usage: gatepass [OPTIONS] COMMAND [ARGS]...

  The self-hosted gate to AWS: ask for access, decide, hold it, and see it
  end.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Ask and decide:
  request        Ask for access through FLOW.
  requests       Requests you may see, newest first.
  show           One request: its time line, grants, calls to AWS and errors.
  access         What you hold now, and until when.
  approve        Approve a request.
  deny           Deny a request.
  cancel         Withdraw a request that is not decided yet.
  extend         Ask for more time on live access: decided like a request.
  revoke         Give access back now, or take it back.

Use AWS from your laptop:
  login          Log in to INTEGRATION; without one, to the gatepass server.
  logout         End the login to INTEGRATION; without one, to the server.
  whoami         Who AWS says NAME is; without NAME, who you are to gatepass.
  status         Which sessions are active, until when, what they wait for.
  exec           Run COMMAND with the credentials of session NAME.
  env            Print the credentials of session NAME.
  console        Open the AWS console as session NAME.
  ssm            Open a shell on INSTANCE; without INSTANCE list those online.
  ssh-forward    Open a shell on HOST that has the sessions named.
  endpoint       Serve the sessions NAMES to containers and IDEs over HTTP.
  profiles       Profiles for aws, boto3, Terraform and other tools.
  files          Short-lived keys in ~/.aws/credentials, for legacy tools.
  ui             Browse, start and stop sessions by keyboard.

Sessions and secrets of this laptop:
  session        Named recipes that yield AWS credentials.
  integration    Identity Centers and SAML providers.
  sync           Make sessions of every account and role behind INTEGRATIONS.
  import         Add sessions from SOURCE.
  export         Write the sessions and logins for others, without secrets.
  vault          Long-term secrets, sealed under one key.
  agent          The daemon that keeps credentials in memory.
  prompt         Print a function for your shell's prompt.
  completion     Print the completion script for your shell.
  doctor         Check this installation.

The estate and its teams:
  init           Write a small estate into DIRECTORY that works as it stands.
  check          Say what ESTATE allows, or every mistake in it.
  apply          Check ESTATE, then apply it as one version, or not at all.
  generate       Add a flow of KIND to an estate: flows/FLOW_NAME.yaml.
  handlers       The Python of a flow: reducers, hooks and prefetch functions.
  teams          Standing trust between people, teams, roles and accounts.

Run the gate:
  serve          Apply ESTATE, serve the portal and the API, settle facts.
  worker         Settle facts for a server on the same PostgreSQL.
  organizations  Every organization, with the external id of its role.
  people         List people; disable leavers; store identities.
  token          Issue, list and revoke bearer tokens.
  audit          The audit log: take it out, prove that it is whole.
  slack          Slack: previews, checks, manifest.
  sim            Run a simulated AWS, and print the variables that lead to it.
"""
