"""Steps that several broken states have in common."""

from __future__ import annotations

from portal.domain.actions import Action
from tests.support.state_breaking import Step, copy, record

APRIL, MAY = "'2026-04-01 00:00:00.000000'", "'2026-05-01 00:00:00.000000'"

OPEN_LINK = "cloud_id = :doras_cloud AND until_at IS NULL"

END_LINK = f"UPDATE links SET until_at = {APRIL} WHERE {OPEN_LINK}"

CARLS_MAIL = "kind = 'invitation' AND about = :carls_subaccount"


def next_link(since: str, continues: str) -> Step:
    return copy(
        "links",
        f"cloud_id = :doras_cloud AND until_at = {APRIL}",
        id="'lnk2'",
        since_at=since,
        continues_at=continues,
        until_at="NULL",
    )


def copy_customer(**changes: str) -> tuple[Step, ...]:
    """Steps that copy Carl's customer without its default cloud, and record it."""
    return (
        copy(
            "customers",
            "id = :carls_customer",
            **{"id": "'cst2'", "default_cloud_id": "NULL", **changes},
        ),
        lambda params: record(Action.CUSTOMER_ADD, "north", "second", "second")(
            params | {"second": "cst2"}
        ),
    )
