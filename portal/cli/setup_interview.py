"""The interview of set-up: asks the questions, keeps the answers for the next run, reviews them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from portal.cli import env_file
from portal.cli.setup_database import without_query_password
from portal.cli.setup_questions import (
    ACCOUNT,
    ACCOUNT_PASSWORD,
    GROUPS,
    PASSWORD,
    QUESTIONS,
    Answers,
    Question,
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
        """Check the given answers, ask for the others, and let a person review all. Without a
        terminal, defaults answer.

        Raises click.BadParameter for a given answer, click.Abort if the person stops.
        """
        for heading, group in GROUPS:
            asked = [question for question in group if question.name not in given]
            if asked and sys.stdin.isatty():
                self._introduce(heading)
            for question in group:
                if question in asked and sys.stdin.isatty():
                    self.ask([question])
                else:
                    self._take(question, given.get(question.name, self._default(question)))
        if self.is_asked:
            self.review()

    def _take(self, question: Question, answer: str) -> None:
        """Take an answer that nobody typed. Raises click.BadParameter."""
        try:
            self.answers[question.name] = question.check(answer, self.answers)
        except click.BadParameter as error:
            error.param_hint = f"'{question.option}'"
            raise

    def _introduce(self, heading: str) -> None:
        if not self.is_asked:
            click.echo("Enter takes the answer in [brackets], - leaves it empty.")
            self.is_asked = True
        click.echo(f"\n{heading}")

    def ask(self, questions: Iterable[Question]) -> None:
        """Ask each question until its answer is accepted."""
        for question in questions:
            has_no_use = question is ACCOUNT_PASSWORD and not self.answers[ACCOUNT.name]
            self.answers[question.name] = "" if has_no_use else self._prompt(question)
            self._keep()

    def _default(self, question: Question) -> str:
        """Return the last answer, else what another run or `.env` has, else the default."""
        default = self.answers.get(question.default_of, question.default)
        default = self.defaults.get(question.name, default)
        return "" if question is PASSWORD else self.answers.get(question.name, default)

    def _prompt(self, question: Question) -> str:
        default = self._default(question)
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
            self._show(numbers)
            choice = click.prompt(
                "\ny: set up; a number: change that answer; q: stop",
                type=click.Choice(["y", *numbers, "q"]),
                show_choices=False,
            )
            if choice == "q":
                raise click.Abort
            if choice == "y":
                return
            account = (ACCOUNT, ACCOUNT_PASSWORD)  # neither has a use without the other
            self.ask(account if numbers[choice] in account else [numbers[choice]])

    def _show(self, numbers: dict[str, Question]) -> None:
        headings = {group[0]: heading for heading, group in GROUPS}
        click.echo("\nNothing is set up yet. Your answers:")
        for number, question in numbers.items():
            if question in headings:
                click.echo(f"\n     {headings[question]}")
            answer = question.display(self.answers[question.name])
            click.echo(f"{number:>3}  {question.text:55}  {answer}")

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
            url = without_query_password(kept["DATABASE_URL"])._replace(password=None)
            kept["DATABASE_URL"] = url.render_as_string()
        with env_file.replaced(self.file, kept):
            pass
