"""The operations on an account itself: registration, key, credentials, webhook, billing."""

from __future__ import annotations

from affidavit.sandbox.model import Json, Response
from affidavit.sandbox.whatsapi import validation
from affidavit.sandbox.whatsapi.accounts import PLANS, Account
from affidavit.sandbox.whatsapi.lifecycle import Credentials
from affidavit.sandbox.whatsapi.refusal import Refusal, invalid
from affidavit.sandbox.whatsapi.service import Call, Service, succeeded


def register(service: Service, call: Call) -> Response:
    """POST /auth/register: a second account with the same email is as welcome as the first."""
    body = _valid(validation.REGISTRATION, call)
    account = service.accounts.create(str(body["name"]), str(body["email"]), PLANS["free"])
    return succeeded(201, {"apiKey": account.key, "plan": account.plan.name})


def show(_service: Service, _call: Call, account: Account) -> Response:
    """GET /auth/me: everything but the key."""
    return succeeded(
        200,
        {
            "name": account.name,
            "email": account.email,
            "plan": account.plan.name,
            "messagesSent": account.messages_sent,
            "byocConfigured": account.sender.credentials.current is not None,
            "webhookUrl": account.webhook_url,
        },
    )


def rotate_key(service: Service, _call: Call, account: Account) -> Response:
    """POST /auth/me/rotate-key."""
    service.accounts.rotate_key(account)
    return succeeded(200, {"apiKey": account.key})


def save_credentials(service: Service, call: Call, account: Account) -> Response:
    """PUT /auth/me/credentials: taken as they are; verifying is another operation."""
    body = _valid(validation.CREDENTIALS, call)
    credentials = Credentials(str(body["whatsappAccessToken"]), str(body["whatsappPhoneNumberId"]))
    service.accounts.set_credentials(account, credentials, call.now)
    return succeeded(200, {"byocConfigured": True})


def remove_credentials(service: Service, call: Call, account: Account) -> Response:
    """DELETE /auth/me/credentials: also when there are none."""
    service.accounts.set_credentials(account, None, call.now)
    return succeeded(200, {"byocConfigured": False})


def verify_credentials(_service: Service, _call: Call, account: Account) -> Response:
    """POST /auth/me/credentials/verify: a 409 when they do not pass, since the request has no field to be at fault."""
    credentials = account.sender.credentials.current
    if credentials is None:
        raise Refusal(409, "No credentials are saved: PUT /auth/me/credentials first.")
    if not credentials.good:
        raise Refusal(409, "Meta does not accept the saved access token.")
    return succeeded(200, {"verified": True})


def save_webhook(service: Service, call: Call, account: Account) -> Response:
    """PUT /auth/me/webhook."""
    body = _valid(validation.webhook(service.options.local_webhook_prefix), call)
    service.outbox.listen(account, str(body["url"]), call.now)
    return succeeded(200, {"webhookUrl": account.webhook_url})


def remove_webhook(service: Service, call: Call, account: Account) -> Response:
    """DELETE /auth/me/webhook: also when there is none."""
    service.outbox.listen(account, None, call.now)
    return succeeded(200, {"webhookUrl": None})


def start_checkout(service: Service, call: Call, _account: Account) -> Response:
    """POST /billing/checkout: an address, and nothing changes until somebody pays there."""
    _valid(validation.CHECKOUT, call)
    return succeeded(200, {"url": f"https://checkout.stripe.com/c/pay/cs_test_{service.identity.token()}"})


def show_portal(service: Service, _call: Call, _account: Account) -> Response:
    """GET /billing/portal."""
    return succeeded(200, {"url": f"https://billing.stripe.com/p/session/test_{service.identity.token()}"})


def _valid(rule: validation.Rule, call: Call) -> dict[str, Json]:
    """The body, which keeps the rule."""
    problems = rule(call.body, call.now)
    if problems or not isinstance(call.body, dict):
        raise invalid(*problems)
    return call.body
