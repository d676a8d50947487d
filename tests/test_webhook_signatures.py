"""Signatures of webhooks, against the library of the standard."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from portal.webhook_signatures import key, new_secret, sign, verify

SECRET = new_secret()
BODY = '{"type": "operation.changed", "id": "17", "name": "Ё"}'.encode()
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_what_we_sign_the_library_accepts() -> None:
    headers = sign(SECRET, "17-abc", BODY, at=datetime.now(UTC))

    assert standardwebhooks.Webhook(SECRET).verify(BODY, headers)["id"] == "17"


def test_what_the_library_signs_we_accept() -> None:
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": "v1a,another v1,AAAA "
        + standardwebhooks.Webhook(SECRET).sign("msg_1", NOW, BODY.decode()),
    }

    assert verify(SECRET, headers, BODY, now=NOW) == "msg_1"


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_a_message_of_up_to_five_minutes_is_accepted(minutes: int) -> None:
    headers = sign(SECRET, "17", BODY, at=NOW + timedelta(minutes=minutes))

    assert verify(SECRET, headers, BODY, now=NOW) == "17"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_older_or_later_message_is_refused(seconds: int) -> None:
    headers = sign(SECRET, "17", BODY, at=NOW + timedelta(seconds=seconds))

    assert verify(SECRET, headers, BODY, now=NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "18"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        *({"webhook-timestamp": bad} for bad in ("", "-1", "1e9", "9" * 30, "٣", "²", "nan")),
        *({"webhook-signature": bad} for bad in ("", "v1,", "v1", "v1,é", "v2,AAAA", ",")),
    ],
)
def test_a_changed_or_odd_header_is_refused(change: dict[str, str]) -> None:
    headers = sign(SECRET, "17", BODY, at=NOW) | change

    assert verify(SECRET, headers, BODY, now=NOW) is None


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = sign(SECRET, "17", BODY, at=NOW)
    del headers[name]

    assert verify(SECRET, headers, BODY, now=NOW) is None


def test_another_body_or_secret_is_refused() -> None:
    headers = sign(SECRET, "17", BODY, at=NOW)

    assert verify(SECRET, headers, BODY + b" ", now=NOW) is None
    assert verify(new_secret(), headers, BODY, now=NOW) is None


SHORT = "whsec_" + base64.b64encode(b"x" * 23).decode()
BARE = base64.b64encode(b"x" * 24).decode()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_=", "whsec_ä", BARE, SHORT])
def test_a_secret_has_the_standards_form_and_24_bytes(secret: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller has a sentence of its own
        key(secret)
