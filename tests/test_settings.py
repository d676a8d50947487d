"""Each setting: which values are read as what, and which are refused with what they must be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trustme

from portal import config, create_app, policy_from
from portal.domain.policy import SignUpPolicy
from tests.support.settings import clear_environment
from tests.test_config import SAFE, faults


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, tmp_path)


GOOD: list[tuple[str, str, Any]] = [
    ("DATABASE_URL", "postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
    ("DATABASE_URL", "postgresql://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
    ("DATABASE_URL", "postgresql+psycopg://h/n", "postgresql+psycopg://h/n"),
    ("DATABASE_URL", "sqlite:////var/lib/portal.db", "sqlite:////var/lib/portal.db"),
    ("EXTERNAL_URL", "http://p.example/", "http://p.example"),
    ("EXTERNAL_URL", "http://localhost:8000", "http://localhost:8000"),
    ("PORT", "65535", 65535),
    ("PORT", " 80 ", 80),
    ("TRUSTED_PROXIES", "1", 1),
    ("HSTS_INCLUDE_SUBDOMAINS", "yes", True),
    ("HSTS_INCLUDE_SUBDOMAINS", "", False),
    ("SECRET_KEY_OLD", " first, second,", ("first", "second")),
    ("SIGN_UP", "invited", "invited"),
    ("DATABASE_PLAIN_HOSTS", " Database, ::1", ("database", "::1")),
    ("CURRENCY", "KZT", "KZT"),
    ("INITIAL_GRANT", "49.50", Decimal("49.5")),
    ("INITIAL_GRANT", "0.000001", Decimal("0.000001")),
    ("CUSTOMER_EMAIL_DOMAINS", "", ()),
    ("CUSTOMER_EMAIL_DOMAINS", " Yandex.ru, *.Bank.example ,", ("yandex.ru", "*.bank.example")),
    ("TIME_ZONE", "Asia/Almaty", "Asia/Almaty"),
    ("SELLER_NAME", "Northfold Cloud AG; Vaduz", "Northfold Cloud AG; Vaduz"),
    ("SELLER_NAME", "", ""),
    ("SELLER_ADDRESS", "Rack Street 1;; 9490 Vaduz ;", ("Rack Street 1", "9490 Vaduz")),
    ("MAIL_SECURITY", "tls", "tls"),
    ("MAIL_DEFAULT_SENDER", "portal@localhost", "portal@localhost"),
]
BAD = [
    ("DATABASE_URL", "mysql://h/n", "must begin with sqlite:/// and a path"),
    ("DATABASE_URL", "portal.db", "must begin with sqlite:/// and a path"),
    ("DATABASE_URL", "sqlite:///", "must begin with sqlite:/// and a path"),
    ("DATABASE_URL", "sqlite:///:memory:", "must begin with sqlite:/// and a path"),
    ("DATABASE_PLAIN_HOSTS", "database:5432", "must be names or IP addresses without port"),
    ("DATABASE_PLAIN_HOSTS", "[::1]", "must be names or IP addresses without port"),
    ("DATABASE_PLAIN_HOSTS", "u@database/n", "must be names or IP addresses without port"),
    ("EXTERNAL_URL", "partners.example.com", "must be an address such as"),
    ("EXTERNAL_URL", "ftp://p.example", "must be an address such as"),
    ("EXTERNAL_URL", "https://", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example/portal", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example?x=1", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example#x", "must be an address such as"),
    ("EXTERNAL_URL", "https://user:pw@p.example", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example:port", "must be an address such as"),
    ("EXTERNAL_URL", "https://p example", "must be an address such as"),
    ("EXTERNAL_URL", "https://[::1", "must be an address such as"),
    ("EXTERNAL_URL", "https://[:::]", "must be an address such as"),
    ("EXTERNAL_URL", "https://[fe80::1%eth0]", "must be an address such as"),
    ("EXTERNAL_URL", "https://::1", "must be an address such as"),
    ("EXTERNAL_URL", "https://my_portal.example", "must be an address such as"),
    ("EXTERNAL_URL", "https://p..example", "must be an address such as"),
    ("EXTERNAL_URL", "https://.example", "must be an address such as"),
    ("EXTERNAL_URL", "https://портал.example", "must be an address such as"),
    ("EXTERNAL_URL", f"https://{'p' * 64}.example", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.127.1", "must be an address such as"),
    ("EXTERNAL_URL", "https://127.0.0.256", "must be an address such as"),
    ("EXTERNAL_URL", "https://0x7f000001", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example:0", "must be an address such as"),
    ("EXTERNAL_URL", "https://p.example:65536", "must be an address such as"),
    ("PORT", "0", "must be a whole number from 1 to 65535"),
    ("PORT", "65536", "must be a whole number from 1 to 65535"),
    ("PORT", "-1", "must be a whole number from 1 to 65535"),
    ("PORT", "80.0", "must be a whole number from 1 to 65535"),
    ("PORT", "٨٠", "must be a whole number from 1 to 65535"),
    ("PORT", "9" * 5000, "must be a whole number from 1 to 65535"),
    ("TRUSTED_PROXIES", "6", "must be a whole number from 0 to 5"),
    ("HSTS_INCLUDE_SUBDOMAINS", "true", "must be one of: yes, no"),
    ("SIGN_UP", "Open", "must be one of: open, invited, closed"),
    ("PORTAL_ENV", "prod", "must be one of: local, production"),
    ("CURRENCY", "eur", "must be an ISO 4217 code"),
    ("CURRENCY", "€", "must be an ISO 4217 code"),
    ("INITIAL_GRANT", "4,000", "must be an amount such as"),
    ("INITIAL_GRANT", "-1", "must be an amount such as"),
    ("INITIAL_GRANT", "0.0000001", "must be an amount such as"),
    ("INITIAL_GRANT", "NaN", "must be an amount such as"),
    ("INITIAL_GRANT", "Infinity", "must be an amount such as"),
    ("INITIAL_GRANT", "1E+30", "must be an amount such as"),
    ("INITIAL_GRANT", "1000000000000.01", "must be an amount such as"),
    ("INITIAL_GRANT_DAYS", "0", "must be a whole number from 1 to 3650"),
    ("CUSTOMER_EMAIL_DOMAINS", "yandex.ru, @x", "must be domains such as"),
    ("CUSTOMER_EMAIL_DOMAINS", "yandex", "must be domains such as"),
    ("TIME_ZONE", "Mars/Olympus", "must be a time zone such as"),
    ("TIME_ZONE", "../../etc/passwd", "must be a time zone such as"),
    ("TIME_ZONE", "Europe", "must be a time zone such as"),
    ("SELLER_NAME", "North\nfold", "must be one line of text"),
    ("SELLER_ADDRESS", "Rack\x00Street", "must be one line of text"),
    ("MAIL_PORT", "smtp", "must be a whole number from 1 to 65535"),
    ("MAIL_SECURITY", "ssl", "must be one of: starttls, tls, plain"),
    ("MAIL_CA_FILE", "/nowhere/ca.pem", "must be a file of certificates"),
    ("MAIL_CA_FILE", "/etc/passwd", "must be a file of certificates"),
    ("MAIL_DEFAULT_SENDER", "portal", "must be an address alone"),
    ("MAIL_DEFAULT_SENDER", "Portal <portal@test.example>", "must be an address alone"),
    ("MAIL_DEFAULT_SENDER", "портал@test.example", "must be an address alone"),
    ("MAIL_DEFAULT_SENDER", "a@b@test.example", "must be an address alone"),
]


@pytest.mark.parametrize(
    ("url", "shown", "host"),
    [
        ("https://P.Example/", "https://p.example", "p.example"),
        ("https://p.example.", "https://p.example", "p.example."),
        ("https://p.example:443", "https://p.example", "p.example"),
        ("https://p.example:08443", "https://p.example:8443", "p.example:8443"),
        ("https://xn--80ayih4a.example", "https://xn--80ayih4a.example", "xn--80ayih4a.example"),
        ("https://192.0.2.7", "https://192.0.2.7", "192.0.2.7"),
        ("https://[2001:DB8:0::7]:1", "https://[2001:db8::7]:1", "[2001:db8::7]:1"),
        ("https://[::ffff:192.0.2.7]", None, "[::ffff:c000:207]"),
    ],
)
def test_requests_accept_the_host_that_a_browser_sends(
    url: str, shown: str | None, host: str
) -> None:
    external_url = config.load({**SAFE, "EXTERNAL_URL": url}).external_url
    assert external_url == (shown or external_url)
    trusted = config.trusted(external_url, is_local=False)
    assert config.is_trusted(host, trusted)
    assert config.is_trusted(host.upper(), trusted)
    assert not config.is_trusted(f"x{host}", trusted)


@pytest.mark.parametrize(("name", "value", "parsed"), GOOD)
def test_a_setting_is_read(name: str, value: str, parsed: object) -> None:
    assert getattr(config.load({name: value}), name.lower()) == parsed


@pytest.mark.parametrize(("name", "value", "told"), BAD)
def test_a_setting_that_cannot_be_read_is_named_with_what_it_must_be(
    name: str, value: str, told: str
) -> None:
    found = [fault for fault in faults(**{name: value}) if fault.startswith(f"{name} ")]
    assert len(found) == 1
    assert found[0].startswith(f"{name} {told}")


def test_certificates_to_trust_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    assert config.load({"MAIL_CA_FILE": str(file)}).mail_ca_file == str(file)


def test_the_terms_of_business_are_what_the_settings_say() -> None:
    values = config.load(
        {"SIGN_UP": "closed", "INITIAL_GRANT": "7", "INITIAL_GRANT_DAYS": "3", "CURRENCY": "USD"}
        | {"GRANT_PAYS": "all"}
    )
    terms = policy_from(values)
    assert (terms.grant_pays_all, policy_from(config.load()).grant_pays_all) == (True, False)
    assert (terms.sign_up, terms.currency) == (SignUpPolicy.CLOSED, "USD")
    assert (terms.initial_grant, terms.initial_grant_lasts.days) == (Decimal(7), 3)


@pytest.mark.parametrize("policy", SignUpPolicy)
def test_every_policy_of_sign_up_can_be_set(policy: SignUpPolicy) -> None:
    assert policy_from(config.load({"SIGN_UP": policy})).sign_up is policy


@pytest.mark.parametrize("domain", ["portal.test", "-a.example.com", "раypal.com"])
def test_a_domain_that_no_address_can_be_in_is_named_at_the_start(domain: str) -> None:
    expected = "CUSTOMER_EMAIL_DOMAINS must be domains such as"
    with pytest.raises(config.UnsafeSettings, match=expected):
        create_app({"CUSTOMER_EMAIL_DOMAINS": f"yandex.ru, {domain}"})


def test_settings_can_be_neither_changed_nor_shown_by_accident() -> None:
    settings = config.load({"SECRET_KEY": "k" * 40})
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]
    assert "kkk" not in repr(settings)
