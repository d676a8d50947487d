"""The questions of set-up: asked and checked one by one, kept for the next run, reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from portal import config
from portal.cli import env_file
from portal.domain import identity, values
from portal.domain.errors import Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence

Answers = dict[str, str]
"""Accepted answers by the name of their question."""


@dataclass(frozen=True)
class Question:
    """A question. `parse` returns the answer to keep, given the answers before it; it raises
    ValueError, Invalid or Refused with the reason against it."""

    name: str
    text: str
    parse: Callable[[str, Answers], str]
    default: str = ""
    is_secret: bool = False
    variable: str | None = None

    @property
    def option(self) -> str:
        return "--" + self.name.lower().replace("_", "-")

    def display(self, answer: str) -> str:
        """Return the answer without passwords."""
        if self.name == "DATABASE_URL":
            with suppress(ValueError):  # in .env may be anything
                return _without_query_password(answer).render_as_string()
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


def _setting(name: str, text: str, default: str = "", *, is_secret: bool = False) -> Question:
    parse = partial(_parse_setting, name)
    return Question(name, text, parse, default, is_secret, variable=name)


def _parse_setting(name: str, typed: str, answers: Answers) -> str:
    """Refuse what production refuses for this setting, beside the answers before it."""
    value = typed.strip()
    if "${" in value:
        raise ValueError(f"{name}: ${{ would be replaced when .env is read")
    try:
        config.load(answers | {"PORTAL_ENV": "production", name: value})
    except config.UnsafeSettings as error:
        own = (fault for fault in error.faults if fault.startswith(f"{name} "))
        if fault := next(own, None):
            raise ValueError(fault) from error
    if name == "DATABASE_URL":
        _without_query_password(value)
    return value


def _without_query_password(database_url: str) -> URL:
    """Return the URL without `?password=`. Raises ValueError if it is none."""
    try:
        return make_url(database_url).difference_update_query(["password", "sslpassword"])
    except (ArgumentError, ValueError) as error:
        raise ValueError("DATABASE_URL must be an address such as the default") from error


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


MAIL = (
    _setting("MAIL_SERVER", "SMTP relay"),
    _setting("MAIL_PORT", "Its port", "587"),
    _setting("MAIL_SECURITY", "Its security (starttls, tls, plain)", "starttls"),
    _setting("MAIL_CA_FILE", "Certificates to trust beside the system's (empty: none)"),
    _setting("MAIL_USERNAME", "Account at the relay (empty: none)"),
    _setting("MAIL_PASSWORD", "Its password", is_secret=True),
    _setting("MAIL_DEFAULT_SENDER", "Address mails come from"),
)
SETTINGS = (
    _setting("PRODUCT_NAME", "Name of the cloud, as people read it"),
    _setting("EXTERNAL_URL", "Address people reach the portal at (https://…)"),
    _setting("DATABASE_URL", "Database", "sqlite:///instance/portal.db"),
    _setting("CURRENCY", "Currency (ISO 4217)", "EUR"),
    *MAIL,
)
PASSWORD = Question(
    "PASSWORD", "Your own password", _parse_password, is_secret=True, variable="PORTAL_PASSWORD"
)
QUESTIONS = (
    *SETTINGS,
    Question("PARTNER_NAME", "Your partner account's name, as customers read it", _parse_line),
    Question("EMAIL", "Your own e-mail, operator and owner", _parse_email),
    Question("NAME", "Your own name", _parse_line),
    PASSWORD,
)


class Interview:
    """Asks the questions. Answers but passwords are kept in a file, as defaults of the next run."""

    def __init__(self, env: Path) -> None:
        self.file = env.with_name(env.name + ".answers")
        self.defaults = env_file.read(env) | env_file.read(self.file)
        self.answers: Answers = {}
        self.is_asked = False
        """Whether a person answers."""

    def run(self, given: Answers) -> None:
        """Check the given answers, ask for the others, and let a person review all.

        Raises click.BadParameter for a given answer, click.Abort if the person stops.
        """
        for question in QUESTIONS:
            if question.name not in given:
                self.ask([question])
                continue
            try:
                answer = question.check(given[question.name], self.answers)
            except click.BadParameter as error:
                error.param_hint = f"'{question.option}'"
                raise
            self.answers[question.name] = answer
        if self.is_asked:
            self.review()

    def ask(self, questions: Iterable[Question]) -> None:
        """Ask each question until its answer is accepted."""
        if not self.is_asked:
            click.echo("Enter takes the answer in [brackets], - leaves it empty.\n")
            self.is_asked = True
        for question in questions:
            has_no_use = question.name == "MAIL_PASSWORD" and not self.answers["MAIL_USERNAME"]
            self.answers[question.name] = "" if has_no_use else self._prompt(question)
            self._keep()

    def _prompt(self, question: Question) -> str:
        default = self.defaults.get(question.name, question.default)
        default = "" if question is PASSWORD else self.answers.get(question.name, default)
        shown = question.display(default)
        answer: str = click.prompt(
            question.text,
            default=default,
            hide_input=question.is_secret,
            confirmation_prompt=question is PASSWORD,
            show_default=bool(default) if shown == default else shown,
            value_proc=lambda typed: question.check("" if typed == "-" else typed, self.answers),
        )
        return answer

    def review(self) -> None:
        """Show all answers, and ask those again that the person chooses, until all are right.

        Raises click.Abort if the person stops.
        """
        numbers = {str(number): question for number, question in enumerate(QUESTIONS, 1)}
        while True:
            click.echo("\nNothing is set up yet. Your answers:\n")
            for number, question in numbers.items():
                answer = question.display(self.answers[question.name])
                click.echo(f"{number:>3}  {question.text:55}  {answer}")
            choice = click.prompt(
                "\ny: set up; a number: change that answer; q: stop",
                type=click.Choice(["y", *numbers, "q"]),
                show_choices=False,
            )
            if choice == "q":
                raise click.Abort
            if choice == "y":
                return
            self.ask([numbers[choice]])

    def forget(self) -> None:
        """Delete the file of kept answers."""
        self.file.unlink(missing_ok=True)

    def _keep(self) -> None:
        kept = {
            question.name: self.answers[question.name]
            for question in QUESTIONS
            if question.name in self.answers and not question.is_secret
        }
        if "DATABASE_URL" in kept:
            url = _without_query_password(kept["DATABASE_URL"])._replace(password=None)
            kept["DATABASE_URL"] = url.render_as_string()
        with env_file.replaced(self.file, kept):
            pass
