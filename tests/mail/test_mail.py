"""What a mail says, to whom, and that it is told only to a relay which proves who it is."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask

from portal import config
from portal.domain.mail_deliveries import DeliveryState
from tests.support.relay import (
    CLIENT_EMAIL,
    SUBJECT,
    assert_delivered_once,
    clear_mails,
    delivery,
    invite,
    queue_invitation,
    run_worker,
    use_relay,
)
from tests.support.settings import change_settings
from tests.support.smtp import CuttingServer, SmtpServer
from tests.support.world import Clock, World


@pytest.fixture
def kind() -> str:
    """What is said to a relay does not depend on the database; test_mail_deliveries.py has both."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


@pytest.fixture
def invited(app: Flask, world: World) -> str:
    """The subaccount of a customer North has just added; its invitation waits."""
    return invite(world)


def test_an_invitation_arrives_as_the_partner_was_promised(
    app: Flask, invited: str, clock: Clock
) -> None:
    change_settings(app, external_url="https://partners.test.example")
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        (message,) = relay.messages
    assert message["Subject"] == SUBJECT
    assert message["To"] == CLIENT_EMAIL
    assert message["From"].addresses[0].display_name == "Test Cloud"
    assert message["From"].addresses[0].addr_spec == message.mail_from == "portal@test.example"
    assert message.rcpt_tos == (CLIENT_EMAIL,)
    assert message["Auto-Submitted"] == "auto-generated"
    link = f"https://partners.test.example/invite/accept/{invited}"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert link in plain.get_content().split()
    assert f'href="{link}"' in html.get_content()
    assert "localhost" not in plain.get_content() + html.get_content()
    assert delivery(invited) == (DeliveryState.SENT, "250 OK")


@pytest.mark.parametrize("tries", [1, 3])
def test_message_id_and_date_stay_the_same_over_all_tries(
    app: Flask, clock: Clock, tries: int
) -> None:
    queue_invitation(once=False)
    with CuttingServer("dot") as relay:
        use_relay(app, relay.port)
        for _ in range(tries + 1):
            run_worker()
            clock.forward(hours=1)
        seen = [message_from_bytes(body) for body in relay.bodies]
    assert len(seen) == tries + 1
    assert len({(m["Message-ID"], m["Date"]) for m in seen}) == 1
    assert seen[0]["Message-ID"].endswith("@test.example>")


def test_names_in_any_script_arrive_over_a_relay_that_knows_only_ascii(
    app: Flask, world: World
) -> None:
    change_settings(app, product_name="Облако «Север»")
    queue_invitation(facts={"partner": "Łódź & Söhne 東京 " + "very long " * 150})
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        (message,) = relay.messages
    assert message["Subject"] == SUBJECT.replace("Test Cloud", "Облако «Север»")
    assert message["From"].addresses[0].display_name == "Облако «Север»"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Łódź & Söhne 東京" in plain.get_content()
    assert "Łódź &amp; Söhne 東京" in html.get_content()
    assert message.raw.isascii(), "no 8BITMIME was asked for (RFC 6152)"
    assert max(map(len, message.raw.split(b"\r\n"))) <= 998, "RFC 5322, 2.1.1"


@pytest.mark.parametrize(
    "name",
    [
        "North, East & Co.",
        'The "Cloud" (Test)',
        "a@b.example",
        "<x>",
        "Back\\slash; :",
        "North, East, South, West & Daughters (once Sons), Clouds for every Direction",
        "Облако «Север», общество с ограниченной ответственностью (Норд, Ост)",
    ],
)
def test_the_product_name_stands_in_from_as_it_is(app: Flask, name: str) -> None:
    change_settings(app, product_name=name)
    queue_invitation()
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
    # Python's newer reader puts blanks between the parts of a long name; RFC 2047, 6.2 has none.
    encoded, address = parseaddr(message_from_bytes(relay.messages[0].raw)["From"])
    assert (str(make_header(decode_header(encoded))), address) == (name, "portal@test.example")


def test_an_international_domain_is_sent_to_in_its_wire_form(app: Flask, world: World) -> None:
    invite(world, email="carl@bücher.example")
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        (message,) = relay.messages
    assert message.rcpt_tos == ("carl@xn--bcher-kva.example",)
    assert message["To"] == "carl@xn--bcher-kva.example"
    plain = message.get_body(("plain",))
    assert plain is not None
    assert "carl@bücher.example" in plain.get_content()


SMUGGLED = "x\r\n.\r\nMAIL FROM:<thief@x.example>\r\nRCPT TO:<thief@x.example>\r\nDATA\r\nhello"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (".", ["."]),
        ("..two", ["..two"]),
        (SMUGGLED, ["x", ".", "MAIL FROM:<thief@x.example>"]),
        (SMUGGLED.replace("\r\n", "\n"), ["x", ".", "DATA"]),
        (SMUGGLED.replace("\r\n", "\r"), ["x", ".", "DATA"]),
    ],
)
def test_lines_that_begin_with_a_dot_survive_and_end_nothing(
    app: Flask, text: str, lines: list[str]
) -> None:
    about = queue_invitation(facts={"cloud": f"\n{text}"})
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        (message,) = relay.messages
    plain = message.get_body(("plain",))
    assert plain is not None
    found = plain.get_content().splitlines()
    assert [line for line in lines if line not in found] == []
    assert "RCPT TO:<thief" not in str(message.rcpt_tos)
    assert delivery(about)[0] is DeliveryState.SENT


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n "])
def test_no_line_break_gets_into_a_header(app: Flask, end: str) -> None:
    change_settings(app, product_name=f"Test{end}Bcc: thief@x.example")
    queue_invitation()
    with SmtpServer() as relay:
        use_relay(app, relay.port)
        run_worker()
        (message,) = relay.messages
    assert message["Bcc"] is None
    assert message.rcpt_tos == (CLIENT_EMAIL,)
    assert message["Subject"].endswith("integrator in Test Bcc: thief@x.example")


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("rest", ["", "RCPT TO:<thief@x.example>"])
def test_a_line_break_in_an_address_brings_nobody_else_in(
    app: Flask, tmp_path: Path, end: str, rest: str
) -> None:
    by_relay, by_file = f"{CLIENT_EMAIL}{end}{rest}", f"{end}{rest}{CLIENT_EMAIL}"
    refused = (DeliveryState.REFUSED, "the address contains a line break")
    about = queue_invitation(to=by_relay)
    with CuttingServer("quit") as relay:
        use_relay(app, relay.port)
        run_worker()
        assert relay.connections == []
    assert delivery(about) == refused
    use_relay(app, 0, mail_server="", mailbox_dir=str(tmp_path))
    about = queue_invitation(to=by_file, about="dn2y")
    run_worker()
    assert delivery(about) == refused
    assert list(tmp_path.glob("*.eml")) == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_is_trusted_that_mail_ca_file_vouches_for(
    app: Flask, invited: str, tmp_path: Path, tls: Any
) -> None:
    with SmtpServer(tls) as relay:
        relay.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        ca = str(tmp_path / "ca.pem")
        use_relay(app, relay.port, mail_server="localhost", mail_security=tls, mail_ca_file=ca)
        run_worker()
        assert len(relay.messages) == 1
    assert delivery(invited)[0] is DeliveryState.SENT


class ForSomebodyElse(trustme.CA):
    """Vouches for a server of another name."""

    def issue_cert(self, *_names: Any, **_more: Any) -> trustme.LeafCert:
        return super().issue_cert("elsewhere.example")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("ca", "is_trusted", "fault"),
    [
        (trustme.CA, False, "certificate verify failed"),
        (ForSomebodyElse, True, "Hostname mismatch"),
    ],
)
def test_nothing_is_handed_to_a_relay_that_cannot_prove_who_it_is(
    app: Flask,
    invited: str,
    clock: Clock,
    tmp_path: Path,
    *,
    ca: type[trustme.CA],
    is_trusted: bool,
    fault: str,
    tls: Any,
) -> None:
    with SmtpServer(tls, ca=ca(), require_auth=("portal", "secret")) as relay:
        trusted = relay.ca if is_trusted else trustme.CA()
        trusted.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        more = {"mail_username": "portal", "mail_password": "secret"}
        ca_file = str(tmp_path / "ca.pem")
        use_relay(
            app,
            relay.port,
            mail_server="localhost",
            mail_security=tls,
            mail_ca_file=ca_file,
            **more,
        )
        run_worker()
        assert relay.messages == []
    state, words = delivery(invited)
    assert state is DeliveryState.PENDING
    assert fault in words
    change_settings(app, mail_username="", mail_password="")
    assert_delivered_once(app, clock, invited)


def test_a_relay_that_hides_starttls_gets_nothing(app: Flask, invited: str) -> None:
    with SmtpServer("plain") as relay:
        use_relay(app, relay.port, mail_security="starttls")
        run_worker()
        assert relay.messages == []
    assert delivery(invited)[0] is DeliveryState.PENDING
    assert "STARTTLS" in delivery(invited)[1]


def test_the_password_opens_the_relay_and_a_wrong_one_is_told_until_it_is_mended(
    app: Flask, invited: str, clock: Clock
) -> None:
    with SmtpServer(require_auth=("portal", "secret")) as relay:
        use_relay(app, relay.port, mail_username="portal", mail_password="wrong")
        run_worker()
        assert delivery(invited)[0] is DeliveryState.PENDING
        assert delivery(invited)[1].startswith("535 ")
        change_settings(app, mail_password="secret")
        clock.forward(minutes=1)
        run_worker()
        assert delivery(invited)[0] is DeliveryState.SENT
        assert len(relay.messages) == 1


def mailbox() -> Path:
    found = config.mailbox_dir(config.current())
    assert found is not None
    return found


def test_without_a_relay_a_local_run_keeps_the_same_message_as_a_file(
    app: Flask, invited: str
) -> None:
    folder = mailbox()
    run_worker()
    (file,) = folder.iterdir()
    message: Any = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["Subject"] == SUBJECT
    assert f"http://localhost/invite/accept/{invited}" in message.get_body(("plain",)).get_content()
    assert delivery(invited)[0] is DeliveryState.SENT


@pytest.mark.parametrize(
    ("block", "then"),
    [
        (lambda folder: folder.write_text("in the way"), DeliveryState.PENDING),
        (lambda folder: (folder / "out").mkdir(parents=True), DeliveryState.SENT),
    ],
)
def test_a_mailbox_that_cannot_be_written_to_takes_nothing(
    app: Flask,
    invited: str,
    *,
    block: Callable[[Path], Any],
    then: DeliveryState,
) -> None:
    folder = mailbox()
    folder.parent.mkdir(exist_ok=True)
    block(folder)
    run_worker()
    assert delivery(invited)[0] is then


def test_without_relay_and_mailbox_the_reason_is_told(app: Flask, invited: str) -> None:
    change_settings(app, host="0.0.0.0")
    run_worker()
    assert delivery(invited) == (DeliveryState.PENDING, "MAIL_SERVER is not set")
