"""Usage by CloudKitty: the summary of a UTC day by project, type and ID, page by page.

It is asked as a user that sees all projects. The connection's own role on each project would not
do: nobody signs in to a suspended project, and what runs there goes on costing. CloudKitty does not
say that it left projects out, so whether it shows all is asked first.

Source: https://docs.openstack.org/cloudkitty/latest/api-reference/
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from portal.providers.contract import Later, NeedsPerson, Usage
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import SOON, Answer, Row, Session, Token, Unauthorized

PAGE_ROWS = 1000
PLACES = Decimal("1e-10")
"""CloudKitty adds binary fractions: 0.1 and 0.2 is 0.30000000000000004."""
GROUPS = ("project_id", "type", "id")
"""Never by time: 25.0.0 answers with rows of nothing, and without end."""


class Rating(NamedTuple):
    """Where CloudKitty is, and a token that sees all of it."""

    session: Session
    token: Token
    url: str

    def get(self, path: str, *, allow: Collection[int] = ()) -> Answer:
        """Ask it. An error that is not in `allow` is raised."""
        headers = {"X-Auth-Token": self.token.id}
        answer = self.session.exchange("GET", self.url + path, headers=headers)
        status = answer.status
        if status == 200 or status in allow:
            return answer
        said = str(answer.data.get("message") or answer.said)[:500]
        if status in (401, 403):
            raise NeedsPerson(Problem.RATING_REFUSED, said=said)
        if status == 429 or status >= 500:
            raise Later(said)
        raise unclear(said)


def unclear(said: str) -> NeedsPerson:
    return NeedsPerson(Problem.RATING_UNCLEAR, said=said)


def sign_in(session: Session) -> Rating:
    """Find CloudKitty. Raises NeedsPerson if it does not show all projects."""
    settings = session.settings
    if not settings.usage_project:
        raise NeedsPerson(Problem.NO_RATING)
    try:
        token = session.sign_in(session.identity, {"project": {"id": settings.usage_project}})
    except Unauthorized as refusal:
        raise NeedsPerson(Problem.RATING_REFUSED, said=str(refusal)) from refusal
    urls = [
        endpoint["url"]
        for service in token.facts.get("catalog", ())
        for endpoint in service["endpoints"]
        if service["type"] == "rating"
        and endpoint["interface"] == "public"
        and settings.region in ("", endpoint["region_id"])
    ]
    if not urls:
        raise NeedsPerson(Problem.NO_RATING)
    rating = Rating(session, token, str(urls[0]).rstrip("/"))
    rating.get("/v2/scope?limit=1", allow=(404,))  # 404: it has no projects yet
    return rating


def of_day(session: Session, external_ids: Collection[str], day: date) -> Iterator[Usage]:
    """The usage of these projects in the UTC day. Raises Later if it changed meanwhile."""
    rating = sign_in(session)
    rows = list(_rows(rating, day))
    units = _units(rating)
    keys = [tuple(row[group] for group in GROUPS) for row in rows]
    if len(set(keys)) < len(keys):
        raise Later("The usage changed while it was read.", SOON)
    for (project_id, kind, resource_id), row in zip(keys, rows, strict=True):
        if project_id in external_ids:
            quantity, cost = _number(row["qty"]), _number(row["rate"])
            yield Usage(project_id, resource_id, kind, quantity, units.get(kind, ""), cost)


def _rows(rating: Rating, day: date) -> Iterator[Row]:
    """All rows of the day, checked."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1)
    query = [("begin", begin.isoformat()), ("end", end.isoformat()), ("limit", str(PAGE_ROWS))]
    query += [("groupby", group) for group in GROUPS]
    path, count, total = f"/v2/summary?{urlencode(query)}", 0, 1
    while count < total:
        data = rating.get(f"{path}&offset={count}").data
        page = list(_page(data, (begin, end)))
        if count and (data["total"] != total or not page):
            raise Later("The usage changed while it was read.", SOON)
        total, count = data["total"], count + len(page)
        if total and not page:
            raise unclear("no rows")
        yield from page


def _page(data: Row, period: tuple[datetime, datetime]) -> Iterator[Row]:
    """The rows of a table; raises NeedsPerson for those of other periods and shapes."""
    columns, results = data.get("columns"), data.get("results")
    if not isinstance(columns, list) or not isinstance(results, list):
        raise unclear("no table")
    if not isinstance(data.get("total"), int):
        raise unclear("no total")
    for values in results:
        row = dict(zip(columns, values, strict=False))
        try:
            seen = (datetime.fromisoformat(row["begin"]), datetime.fromisoformat(row["end"]))
            row |= {group: str(row[group] or "") for group in GROUPS}
            is_whole = "qty" in row and "rate" in row
        except (KeyError, TypeError, ValueError) as error:
            raise unclear("a row without a period or a project") from error
        if seen != period or not is_whole:
            raise unclear("a row of another period")
        yield row


def _units(rating: Rating) -> Mapping[str, str]:
    """The unit of each type of usage."""
    metrics = rating.get("/v1/info/metrics").data.get("metrics")
    if not isinstance(metrics, list):
        raise unclear("no list of metrics")
    return {str(each.get("metric_id")): str(each.get("unit") or "") for each in metrics}


def _number(value: Any) -> Decimal:
    """A number with ten places. Raises NeedsPerson."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise unclear("a row without numbers")
    try:
        return Decimal(value).quantize(PLACES)
    except ArithmeticError as error:
        raise unclear("a number that is too large") from error
