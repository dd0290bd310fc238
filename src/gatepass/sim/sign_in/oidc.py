"""sso-oidc: how a laptop gets a person's token, by device code or by code with PKCE (spec/sessions.md 3.5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.sign_in.state import AccessToken, AuthorizationCode, Client, DeviceCode, RefreshToken
from gatepass.sim.world import World

SERVICE = "sso-oidc"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_GRANTS = {"authorization_code", "refresh_token", DEVICE}
_REGISTERED = timedelta(days=90)
_CODE_LIVES = timedelta(minutes=10)
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def _refuse(code: str, short: str, text: str) -> ApiError:
    members = {"error": short, "error_description": text}
    return ApiError(code, text, status=401 if code == "InvalidClientException" else 400, members=members)


@operation(SERVICE, "RegisterClient", open_to_all=True)
def register_client(call: Call, params: Params) -> Answer:
    if params["clientType"] != "public":
        raise _refuse(
            "InvalidClientMetadataException", "invalid_client_metadata", "Only public clients are allowed"
        )
    grants = tuple(params.get("grantTypes", ()))
    if unknown := set(grants) - _GRANTS:
        raise _refuse(
            "UnsupportedGrantTypeException", "unsupported_grant_type", f"Unknown grant {sorted(unknown)[0]}"
        )
    redirects = tuple(params.get("redirectUris", ()))
    if "authorization_code" in grants and not redirects:
        raise _refuse("InvalidRedirectUriException", "invalid_redirect_uri", "A redirect URI is needed")
    if any(urlsplit(uri).scheme == "http" and not _loopback(uri) for uri in redirects):
        raise _refuse(
            "InvalidRedirectUriException", "invalid_redirect_uri", "Only loopback may be plain http"
        )
    issuer = params.get("issuerUrl", "")
    if "authorization_code" in grants and instance_of(call.world, issuer) is None:
        raise _refuse("InvalidRequestException", "invalid_request", f"Unknown issuer {issuer}")
    client = Client(
        call.world.secret(22),
        call.world.secret(64),
        call.now + _REGISTERED,
        tuple(params.get("scopes", ())),
        grants,
        redirects,
        issuer,
    )
    call.world.sign_in.clients[client.id] = client
    return {
        "clientId": client.id,
        "clientSecret": client.secret,
        "clientIdIssuedAt": int(call.now.timestamp()),
        "clientSecretExpiresAt": int(client.expires.timestamp()),
    }


def _loopback(uri: str) -> bool:
    return urlsplit(uri).hostname in ("127.0.0.1", "localhost", "::1")


def instance_of(world: World, start_url: str) -> str | None:
    """The instance of a start URL or issuer."""
    wanted = start_url.rstrip("/#")
    return next((i.arn for i in world.instances.values() if i.start_url.rstrip("/#") == wanted), None)


def _client(call: Call, params: Params) -> Client:
    found = call.world.sign_in.clients.get(params["clientId"])
    if (
        found is None
        or not hmac.compare_digest(found.secret, params["clientSecret"])
        or found.expires <= call.now
    ):
        raise _refuse("InvalidClientException", "invalid_client", "Invalid client provided")
    return found


@operation(SERVICE, "StartDeviceAuthorization", open_to_all=True)
def start_device_authorization(call: Call, params: Params) -> Answer:
    client, state = _client(call, params), call.world.sign_in
    instance = instance_of(call.world, params["startUrl"])
    if instance is None:
        raise _refuse("InvalidRequestException", "invalid_request", "Invalid start url provided")
    letters = "".join(call.world.dice.choices(_LETTERS, k=8))
    user_code = f"{letters[:4]}-{letters[4:]}"
    made = DeviceCode(
        call.world.secret(86), user_code, client.id, instance, call.now + _CODE_LIVES, state.interval
    )
    state.devices[made.code] = made
    approve_as(call.world, made, state.browser)
    page = f"{state.url}/device"
    return {
        "deviceCode": made.code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": f"{page}?user_code={user_code}",
        "expiresIn": int(_CODE_LIVES.total_seconds()),
        "interval": made.interval,
    }


def approve_as(world: World, device: DeviceCode, user_name: str) -> bool:
    """Approve a waiting device as this user; False when the directory has no such user."""
    user = user_id(world, device.instance, user_name)
    if user:
        device.user = user
    return bool(user)


def user_id(world: World, instance: str, user_name: str) -> str:
    """The id of a user of an instance's directory; empty when there is none."""
    users = world.stores[world.instances[instance].store].users.values()
    return next((p.id for p in users if user_name and p.user_name.lower() == user_name.lower()), "")


@operation(SERVICE, "CreateToken", open_to_all=True)
def create_token(call: Call, params: Params) -> Answer:
    client = _client(call, params)
    match params["grantType"]:
        case "authorization_code":
            return _by_code(call, params, client)
        case "refresh_token":
            return _by_refresh(call, params, client)
        case grant if grant == DEVICE:
            return _by_device(call, params, client)
        case grant:
            raise _refuse("UnsupportedGrantTypeException", "unsupported_grant_type", f"Unknown grant {grant}")


def _by_device(call: Call, params: Params, client: Client) -> Answer:
    found = call.world.sign_in.devices.get(params.get("deviceCode", ""))
    if found is None or found.client != client.id or found.spent:
        raise _refuse("InvalidGrantException", "invalid_grant", "Invalid device code provided")
    if found.expires <= call.now:
        raise _refuse("ExpiredTokenException", "expired_token", "The device code has expired")
    if found.denied:
        raise _refuse("AccessDeniedException", "access_denied", "The user said no")
    early = found.polled is not None and call.now < found.polled + timedelta(seconds=found.interval)
    found.polled = call.now
    if not found.user and early:
        found.interval += 5
        raise _refuse("SlowDownException", "slow_down", "Polled faster than the interval allows")
    if not found.user:
        raise _refuse("AuthorizationPendingException", "authorization_pending", "Nobody has approved yet")
    found.spent = True
    return _tokens(call, client, found.instance, found.user)


def _by_code(call: Call, params: Params, client: Client) -> Answer:
    found = call.world.sign_in.codes.get(params.get("code", ""))
    if found is None or found.client != client.id or found.spent or found.expires <= call.now:
        raise _refuse("InvalidGrantException", "invalid_grant", "Invalid authorization code provided")
    found.spent = True
    verifier = params.get("codeVerifier", "").encode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(challenge, found.challenge) or params.get("redirectUri", "") != found.redirect:
        raise _refuse(
            "InvalidGrantException", "invalid_grant", "The verifier or the redirect URI is not the same"
        )
    return _tokens(call, client, found.instance, found.user)


def _by_refresh(call: Call, params: Params, client: Client) -> Answer:
    """A refresh token is good once: the answer carries the next one."""
    found = call.world.sign_in.refreshes.get(params.get("refreshToken", ""))
    if found is None or found.client != client.id or found.spent or found.expires <= call.now:
        raise _refuse("InvalidGrantException", "invalid_grant", "Invalid refresh token provided")
    found.spent = True
    return _tokens(call, client, found.instance, found.user, found.expires)


def _tokens(call: Call, client: Client, instance: str, user: str, until: datetime | None = None) -> Answer:
    state = call.world.sign_in
    until = until or call.now + timedelta(seconds=state.session_seconds)
    expires = min(call.now + timedelta(seconds=state.token_seconds), until)
    token = AccessToken("aoa" + call.world.secret(120), client.id, instance, user, expires)
    state.tokens[token.token] = token
    answer: Answer = {
        "accessToken": token.token,
        "tokenType": "Bearer",
        "expiresIn": int((expires - call.now).total_seconds()),
    }
    if "sso:account:access" in client.scopes:
        refresh = RefreshToken("aor" + call.world.secret(120), client.id, instance, user, until)
        state.refreshes[refresh.token] = refresh
        answer["refreshToken"] = refresh.token
    return answer


class NotAuthorized(Exception):
    """The browser's request cannot be answered; the message is for the page, nothing goes back to the client."""


def authorization(world: World, asked: dict[str, str], now: datetime) -> Client:
    """The client of an /authorize request, after every check that must come before anything is sent to its URI."""
    client = world.sign_in.clients.get(asked.get("client_id", ""))
    if client is None or "authorization_code" not in client.grants or client.expires <= now:
        raise NotAuthorized("The client is not known, or may not use authorization codes.")
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
        raise NotAuthorized("response_type must be code and code_challenge_method S256.")
    if not asked.get("code_challenge") or not asked.get("state"):
        raise NotAuthorized("code_challenge and state are needed.")
    if not any(_same_but_port(asked.get("redirect_uri", ""), known) for known in client.redirects):
        raise NotAuthorized("The redirect URI is not one that the client registered.")
    return client


def _same_but_port(asked: str, known: str) -> bool:
    """On loopback any port is allowed (RFC 8252, 7.3); elsewhere the URIs must be equal."""
    if not _loopback(known):
        return asked == known
    one, other = urlsplit(asked), urlsplit(known)
    return (one.scheme, one.hostname, one.path) == (other.scheme, other.hostname, other.path)


def grant_code(world: World, client: Client, asked: dict[str, str], user_name: str, now: datetime) -> str:
    """A code for the client, in the name of the user who approved. Raises `NotAuthorized` for an unknown user."""
    instance = instance_of(world, client.issuer)
    user = user_id(world, instance, user_name) if instance else ""
    if not instance or not user:
        raise NotAuthorized(f"There is no user {user_name} here.")
    made = AuthorizationCode(
        world.secret(64),
        client.id,
        instance,
        user,
        asked["redirect_uri"],
        asked["code_challenge"],
        now + _CODE_LIVES,
    )
    world.sign_in.codes[made.code] = made
    return made.code
