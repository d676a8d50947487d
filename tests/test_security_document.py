"""docs/security.md: each requirement of ASVS 5.0 is in it once, tests exist, figures are true."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from portal import config
from portal.config import SETTINGS
from portal.db import dialects
from portal.domain import claims, customers, identity, imports, notifications
from portal.domain.customers import invitation_quota
from portal.domain.identity import address_look_ups, password, rate_limits, session
from portal.domain.imports import lifecycle
from portal.domain.values import email_address
from portal.domain.values.picture import MAX_SIDE, PICTURE_BYTES

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
DOCUMENT = (ROOT / "docs" / "security.md").read_text()
STATUSES = ("met", "operator", "open", "does not apply")


class Row(NamedTuple):
    """A requirement; of those that do not apply only ID and reason are known."""

    id: str
    level: str
    how: str
    tests: list[str]
    status: str


@cache
def requirements() -> dict[str, str]:
    """The level of each requirement of level 1 and 2, by its ID."""
    with (TESTS / "asvs-5.0.0.csv").open() as file:
        return {line["requirement"]: line["level"] for line in csv.DictReader(file)}


def block(name: str) -> list[list[str]]:
    """The rows of a table between two marks, without its head."""
    text = DOCUMENT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    return [cells(line) for line in text.splitlines()[2:]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def rows() -> list[Row]:
    found = []
    for line in re.findall(r"^\| [\d.]+ \| [12] \| .*", DOCUMENT, re.MULTILINE):
        id, level, _short, how, last = cells(line.removesuffix(" |"))
        tests = re.findall("`(.*?)`", last)
        found.append(Row(id, level, how, tests, "met" if tests else last))
    for ids, reason in block("does not apply"):
        found += [
            Row(id, requirements()[id], reason, [], "does not apply")
            for part in ids.split(", ")
            for id in expand(part)
        ]
    return found


def expand(part: str) -> list[str]:
    """The IDs of `1.2.6` or of the range `1.2.6–1.2.8`, without those of level 3."""
    first, _dash, last = part.partition("–")
    section, _dot, begin = first.rpartition(".")
    assert not last or last.rpartition(".")[0] == section, part
    numbers = range(int(begin), int((last or first).rpartition(".")[2]) + 1)
    ids = [f"{section}.{number}" for number in numbers if f"{section}.{number}" in requirements()]
    assert ids, part
    return ids


@cache
def functions_in(path: Path) -> set[str]:
    return set(re.findall(r"^def (\w+)", path.read_text(), re.MULTILINE))


def test_each_requirement_of_level_1_and_2_is_there_once_with_its_level() -> None:
    assert Counter(row.id for row in rows()) == Counter(requirements().keys())
    assert {row.id: row.level for row in rows()} == requirements()


def test_what_is_met_names_tests_that_exist_and_all_else_says_why() -> None:
    for row in rows():
        assert row.status in STATUSES, row
        assert row.status == "met" or row.how, f"{row.id} says no reason"
        for test in row.tests:
            path, _, name = test.partition("::")
            assert name in functions_in(TESTS / path), f"{row.id}: {test}"
        for anchor in re.findall(r"\(#(.*?)\)", row.how):
            headings = re.findall("^## (.*)", DOCUMENT, re.MULTILINE)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], row.id


def test_the_summary_counts_right() -> None:
    counts = Counter((row.level, row.status) for row in rows())
    expected = [
        [level, *(str(counts[level, status]) for status in STATUSES), str(total)]
        for level, total in sorted(Counter(requirements().values()).items())
    ]
    assert block("summary") == expected


def limit(limit: rate_limits.Limit) -> str:
    return f"{limit.max_attempts} in {limit.window.total_seconds() // 60:.0f} minutes"


def test_the_decisions_are_there_with_the_figures_of_the_code() -> None:
    per_day = next(each for each in SETTINGS if each.name == "INVITATIONS_PER_DAY").default
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    connections = re.findall(r"limit_conn portal_clients (\d+)", nginx)
    assert [row[1] for row in block("limits")] == [
        limit(rate_limits.PASSWORDS_PER_ACCOUNT),
        limit(rate_limits.PASSWORDS_PER_NETWORK),
        limit(rate_limits.MAILS_PER_ADDRESS),
        limit(rate_limits.MAILS_PER_NETWORK),
        f"{notifications.MAILS_PER_SENDER} in 60 minutes",
        f"1 in {notifications.DIGEST_WAIT.total_seconds() // 60:.0f} minutes",
        f"{address_look_ups.MISSES_PER_PERSON} in 24 hours",
        f"{address_look_ups.MISSES_PER_ACCOUNT} in 24 hours",
        limit(rate_limits.FEEDBACK_PER_VOICE),
        limit(rate_limits.FEEDBACK_PER_NETWORK),
        f"{per_day} in 24 hours",
        f"{invitation_quota.MOST_TO_ADDRESS} in 24 hours",
        f"{customers.MAX_DELIVERIES}",
        f"{imports.MAX_ROWS:,}",
        f"{config.MAX_FILE_BYTES // 1024**2} MB",
        f"{lifecycle.MAX_OPEN_IMPORTS}",
        f"{PICTURE_BYTES // 1024} KB",
        f"{MAX_SIDE:,}",
        f"{config.MAX_BODY_BYTES // 1024} KB",
        f"{customers.MAX_NOTE_LENGTH:,} characters",
        f"{customers.MAX_VIEWS}",
        f"{claims.MOST} in 24 hours",
        f"{password.MAX_CONCURRENT_HASHES}",
        f"{dialects.MAX_WAITING_WRITERS}",
        *connections,
    ]
    minutes = session.SESSION_IDLE_TIMEOUT.total_seconds() // 60
    hours = session.SESSION_LIFETIME.total_seconds() // 3600
    recent = session.RECENT_AUTHENTICATION.total_seconds() // 60
    least, most = identity.MIN_PASSWORD_LENGTH, identity.MAX_PASSWORD_LENGTH
    for sentence in (
        f"after {minutes:.0f} minutes without use and after {hours:.0f} hours in all",
        f"need the password of the last {recent:.0f} minutes",
        f"has {least} to {most} characters of any kind",
        f"until {imports.RETENTION.days} days after the import",
        f"at most {email_address.ADDRESS_LIMIT} characters, an ASCII local part",
    ):
        assert sentence in DOCUMENT


def test_security_md_says_in_what_time_holes_are_closed() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    for severity in ("critical", "high", "medium", "low"):
        assert re.search(
            rf"^\| {severity} \(.*\) \| in \d+ working days? \| .*\d+ days.* \|$", text, re.M
        )
