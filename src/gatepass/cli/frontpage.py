"""What `gatepass --help` prints. Written by `make format`; held to click by `make check`."""

TEXT = """\
Usage: gatepass [OPTIONS] COMMAND [ARGS]...

  The self-hosted gate to AWS: ask for access, decide, hold it, and see it
  end.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
  access         What you hold now: no new sessions after, last session ends
                 by.
  agent          The daemon that keeps credentials in memory; it starts by
                 itself.
  apply          Check ESTATE here, then apply it as one numbered version, or
                 not at all.
  approve        Approve a request.
  audit          The audit log: take it out, prove that it is whole.
  cancel         Withdraw a request that is not decided yet.
  check          Say what ESTATE, a directory or a file, allows; or every
                 mistake in it.
  completion     Print the completion script for your shell.
  console        Open the AWS console as session NAME.
  deny           Deny a request.
  doctor         Check this installation; exits with 1 when something is
                 wrong.
  endpoint       Serve the sessions NAMES to containers and IDEs over HTTP
                 until interrupted.
  env            Print the credentials of session NAME for a shell or a
                 program.
  exec           Run COMMAND with the credentials of session NAME, refreshed
                 while it runs.
  export         Write the sessions and logins for other people: no secrets,
                 no settings of yours.
  extend         Ask for more time on live access: decided like a request.
  files          Short-lived keys in ~/.aws/credentials for legacy tools,
                 while the agent holds them.
  generate       Add a flow of KIND to an estate, in a file of its own:
                 flows/FLOW_NAME.yaml.
  handlers       The Python of a flow: reducers, hooks and prefetch functions.
  import         Add sessions from SOURCE: what is there already stays as it
                 is.
  init           Write a small estate into DIRECTORY that works as it stands.
  integration    Identity Centers and SAML providers.
  login          Log in to INTEGRATION; without one, to the gatepass server.
  logout         End the login to INTEGRATION and drop what was made from it;
                 without one, forget the gatepass...
  organizations  Every organization, with the external id that its connector
                 role has to require.
  people         List people; disable leavers; store identities.
  profiles       Profiles by which aws, boto3, Terraform and others use the
                 sessions.
  prompt         Print a shell function for your prompt; it reads a small file
                 and starts no process.
  request        Ask for access through FLOW.
  requests       Requests you may see, newest first.
  revoke         Give access back now, or take it back.
  serve          Apply ESTATE, serve the API and settle facts until it is
                 stopped.
  session        Named recipes that yield AWS credentials.
  show           One request: its time line, grants with both ends, calls to
                 AWS, errors, and what you may do.
  sim            Run a simulated AWS and print the variables that lead the AWS
                 CLI, SDKs and gatepass to it.
  slack          Slack: previews, checks, manifest.
  ssh-forward    Open a shell on HOST, or run COMMAND there, that has the
                 sessions named; nothing stays there.
  ssm            Open a shell on INSTANCE through Session Manager; without
                 INSTANCE list those online.
  status         Which sessions are active, until when, and what they wait
                 for.
  sync           Make sessions of every account and role behind INTEGRATIONS;
                 without any, behind all and the...
  teams          Standing trust between people, teams, roles and accounts.
  token          Issue, list and revoke bearer tokens.
  ui             Browse, start and stop sessions by keyboard.
  vault          The encrypted store of long-term secrets; its key is with the
                 operating system.
  whoami         Who AWS says session NAME is; without NAME, who you are to
                 gatepass.
  worker         Settle facts for a server on the same PostgreSQL.
"""
