"""What operators type for a connection: what is kept, what is refused and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal.domain.connections import checks
from portal.domain.values import Invalid

Check = Callable[[str], str]
SECRET = "whsec_" + "QUJD" * 8
FINGERPRINT = "0a" * 32
_key = ec.generate_private_key(ec.SECP256R1())


def pem_of(encryption: serialization.KeySerializationEncryption) -> str:
    form = serialization.PrivateFormat.PKCS8
    return _key.private_bytes(serialization.Encoding.PEM, form, encryption).decode().strip()


KEY = pem_of(serialization.NoEncryption())
ENCRYPTED = pem_of(serialization.BestAvailableEncryption(b"hunter2"))
SECONDS = checks.number(0, 300)

REFUSED: list[tuple[Check, str, str]] = [
    *(
        (checks.url, typed, "url-format")
        for typed in (
            "cloud.example",
            "ftp://cloud.example",
            "https://",
            "https://me:secret@cloud.example",
            "https://cloud.example:0",
            "https://cloud.example:99999",
            "https://cloud.example/a b",
            "https://cloud.example/облако",
            "https://[::1",
        )
    ),
    (checks.url, "https://cloud.example/" + "x" * 300, "too-long"),
    (checks.keystone_url, "cloud.example:5000", "url-format"),
    *(
        (checks.network_name, typed, "network-name")
        for typed in ("10.0.0.0/8", "two names", "сеть")
    ),
    *((checks.webhook_secret, typed, "webhook-secret-format") for typed in ("x", SECRET[6:])),
    (checks.webhook_secret, "whsec_c2hvcnQ=", "webhook-secret-format"),
    (checks.webhook_secret, "whsec_ключ", "webhook-secret-format"),
    (checks.secret, "x" * 256, "too-long"),
    (checks.secret, "a\nb", "not-text"),
    (checks.line, "x" * 256, "too-long"),
    (checks.line, "a\u202eb", "direction-character"),
    *((checks.console_url, f"https://a.example/{end}", "url-placeholder") for end in ("", "{x}")),
    (checks.console_url, "https://a.example/{id}/{", "url-placeholder"),
    (checks.console_url, "{id}", "url-format"),
    (checks.certificates, "no certificate", "certificates-format"),
    (checks.certificates, "сертификат", "certificates-format"),
    (checks.certificates, "x" * 100_001, "too-long"),
    *((checks.private_key, typed, "private-key-format") for typed in ("no key", ENCRYPTED)),
    (checks.private_key, KEY[:40] + KEY[50:], "private-key-format"),
    *((checks.fingerprint, typed, "fingerprint-format") for typed in ("ab" * 31, "g" * 64)),
    *((checks.currency, typed, "currency-unknown") for typed in ("euro", "XYZ", "€")),
    *((SECONDS, typed, "number-range") for typed in ("-1", "301", "1.5", "٣", "x")),
]


@pytest.mark.parametrize(("check", "typed", "code"), REFUSED)
def test_what_is_wrong_is_refused_with_its_reason(check: Check, typed: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("check", "typed", "kept"),
    [
        (checks.url, " https://cloud.example:5000/v3 ", "https://cloud.example:5000/v3"),
        (checks.url, "http://[fd00::1]:8099", "http://[fd00::1]:8099"),
        (checks.url, "https://облако.example", "https://облако.example"),
        (checks.keystone_url, "https://cloud.example:5000/", "https://cloud.example:5000/v3"),
        (
            checks.keystone_url,
            "https://cloud.example/identity/v3/",
            "https://cloud.example/identity/v3",
        ),
        (checks.network_name, " lxdbr0 ", "lxdbr0"),
        (checks.webhook_secret, f" {SECRET}\n", SECRET),
        (checks.secret, " пароль  ", " пароль  "),
        (checks.line, " Партнёр  Ё ", "Партнёр Ё"),
        (checks.console_url, "https://a.example/p/{id}?x", "https://a.example/p/{id}?x"),
        (checks.currency, " eur", "EUR"),
        (checks.private_key, f"{KEY}\n", KEY),
        (checks.private_key, KEY.replace("\n", ""), KEY),
        (checks.private_key, KEY.replace("\n", " "), KEY),
        (checks.fingerprint, f" {':'.join(['0A'] * 32)}", FINGERPRINT),
        (SECONDS, "0300", "300"),
    ],
)
def test_what_is_right_is_kept(check: Check, typed: str, kept: str) -> None:
    assert check(typed) == kept
    assert check(kept) == kept


def test_a_certificate_is_kept() -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    assert checks.certificates(pem) == pem.strip()
