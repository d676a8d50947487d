"""The questions of set-up, in groups, and what checks their answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import click

from portal import config
from portal.cli.setup_database import DEFAULT, first_user, without_query_password
from portal.domain import identity, values
from portal.domain.errors import Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence

Answers = dict[str, str]
"""Accepted answers by the name of their question."""


@dataclass(frozen=True)
class Question:
    """A question. `parse` returns the answer to keep, given the answers before it; it raises
    ValueError, Invalid or Refused with the reason against it. `default_of` names an earlier
    question whose answer is the default."""

    name: str
    text: str
    parse: Callable[[str, Answers], str]
    default: str = ""
    is_secret: bool = False
    variable: str | None = None
    default_of: str = ""

    @property
    def label(self) -> str:
        """The text without its hint in parentheses."""
        return self.text.partition(" (")[0]

    @property
    def option(self) -> str:
        return "--" + self.name.lower().replace("_", "-")

    def display(self, answer: str) -> str:
        """Return the answer without passwords."""
        if self.name == "DATABASE_URL":
            with suppress(ValueError):  # in .env may be anything
                return without_query_password(answer).render_as_string()
            return "given"
        return "given" if answer and self.is_secret else answer

    def check(self, typed: str, answers: Answers) -> str:
        """Return the answer to keep. Raises click.BadParameter with the reason against it."""
        try:
            typed.encode()
            return self.parse(typed, answers)
        except UnicodeEncodeError:
            raise click.BadParameter("This is not UTF-8.") from None
        except (Invalid, Refused) as error:
            raise click.BadParameter(sentence(error.code, error.facts)) from error
        except ValueError as error:
            raise click.BadParameter(str(error)) from error


def _setting(
    name: str, text: str, default: str = "", *, is_secret: bool = False, default_of: str = ""
) -> Question:
    parse = partial(_parse_setting, name)
    return Question(name, text, parse, default, is_secret, variable=name, default_of=default_of)


def _parse_setting(name: str, typed: str, answers: Answers) -> str:
    """Refuse what production refuses for this setting, beside the answers before it."""
    value = typed.strip()
    if "${" in value:
        raise ValueError("${ would be replaced when .env is read")
    try:
        config.load(answers | {"PORTAL_ENV": "production", name: value})
    except config.UnsafeSettings as error:
        own = (fault for fault in error.faults if fault.startswith(f"{name} "))
        if fault := next(own, None):
            raise ValueError(name_question(fault)) from error
    if name == "DATABASE_URL":
        without_query_password(value)
        if user := first_user(value):
            raise ValueError(f"This database has users, such as {user}; name an empty one")
    if name == "MAIL_PASSWORD" and answers["MAIL_USERNAME"] and not value:
        raise ValueError("The account needs its password")
    return value


def name_question(fault: str) -> str:
    """Return the fault of a setting with the question's label in place of the setting's name."""
    name, _, rest = fault.partition(" ")
    labels = [question.label for question in SETTINGS if question.name == name]
    return f"{labels[0]} {rest}" if labels else fault


def _parse_line(typed: str, _answers: Answers) -> str:
    return values.line(typed)


def _parse_email(typed: str, _answers: Answers) -> str:
    return values.email(typed).display


def password_context(answers: Answers) -> list[str]:
    """Return what the owner's password must not be made of."""
    return [answers.get(name, "") for name in ("EMAIL", "NAME", "PARTNER_NAME", "PRODUCT_NAME")]


def _parse_password(typed: str, answers: Answers) -> str:
    if problem := identity.password_problem(typed, *password_context(answers)):
        raise problem
    return typed


ACCOUNT = _setting("MAIL_USERNAME", "Account at the relay (empty: none)")
ACCOUNT_PASSWORD = _setting("MAIL_PASSWORD", "Its password", is_secret=True)
PASSWORD = Question(
    "PASSWORD", "Your own password", _parse_password, is_secret=True, variable="PORTAL_PASSWORD"
)
GROUPS: tuple[tuple[str, tuple[Question, ...]], ...] = (
    (
        "The portal",
        (
            _setting("PRODUCT_NAME", "Name of the cloud, as people read it"),
            _setting("EXTERNAL_URL", "Address people reach the portal at (https://…)"),
            _setting("DATABASE_URL", "Database", DEFAULT),
            _setting("SIGN_UP", "Who may sign up (open, invited, closed)", "open"),
            _setting("TIME_ZONE", "Time zone (such as Europe/Berlin)", "UTC"),
        ),
    ),
    (
        "Money: fixed once usage is published",
        (
            _setting("CURRENCY", "Currency (ISO 4217)", "EUR"),
            _setting("BILLING_TIME_ZONE", "Zone of billing days", default_of="TIME_ZONE"),
        ),
    ),
    (
        "Mail",
        (
            _setting("MAIL_SERVER", "SMTP relay (a host name)"),
            _setting("MAIL_PORT", "Its port", "587"),
            _setting("MAIL_SECURITY", "Its security (starttls, tls, plain)", "starttls"),
            _setting("MAIL_CA_FILE", "Certificates to trust beside the system's (empty: none)"),
            ACCOUNT,
            ACCOUNT_PASSWORD,
            _setting("MAIL_DEFAULT_SENDER", "Address mails come from"),
        ),
    ),
    (
        "You",
        (
            Question(
                "PARTNER_NAME", "Your partner account's name, as customers read it", _parse_line
            ),
            Question("EMAIL", "Your own e-mail, operator and owner", _parse_email),
            Question("NAME", "Your own name", _parse_line),
            PASSWORD,
        ),
    ),
)
QUESTIONS = tuple(question for _heading, group in GROUPS for question in group)
SETTINGS = tuple(each for each in QUESTIONS if each.variable == each.name)
