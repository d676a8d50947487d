"""Broken states of usage."""

from __future__ import annotations

from sqlalchemy import insert

from portal import db
from portal.domain.usage import DeliveryPart, PartKind
from tests.support.broken_states.steps import APRIL, MAY
from tests.support.state_breaking import Case, copy

SUMS = "rows, micros, rest"

PUBLISH = (
    f"UPDATE deliveries SET state = 'published', published_at = {APRIL},"
    " rows = 1, micros = 1, rest = 1 WHERE id = :delivery",
    f"INSERT INTO delivery_scopes (delivery_id, scope_on, {SUMS})"
    " VALUES (:delivery, '2026-03-01', 1, 1, 1)",
    f"INSERT INTO delivery_keys (delivery_id, key_id, scope_on, first_on, last_on, {SUMS},"
    " before_rows, before_micros, before_rest)"
    " VALUES (:delivery, :usage_key, '2026-03-01', '2026-03-02', '2026-03-02', 1, 1, 1, 0, 0, 0)",
    f"INSERT INTO usage_groups (delivery_id, number, key_id, service, category, usage_on,"
    f" period_on, scope_on, {SUMS}) VALUES (:delivery, 0, :usage_key, '', 'Usage', '2026-03-02',"
    " '2026-03-01', '2026-03-01', 1, 0, 1000000001)",
)
"""Steps that publish the cast's delivery with one row."""

NO_PARQUET = {"number": 1, "kind": PartKind.AMOUNTS, "file": 0, "rows": 1, "content": b"no"}


CASES = (
    Case(
        "groups-differ-from-delivery",
        (*PUBLISH, "UPDATE deliveries SET rest = rest + 1 WHERE id = :delivery"),
        ("delivery",),
        also=(("periods-differ-from-delivery", "delivery"),),
    ),
    Case(
        "groups-differ-from-key",
        (*PUBLISH, "UPDATE delivery_keys SET micros = 2, rest = 0"),
        ("delivery",),
        also=(("keys-differ-from-period", "delivery"),),
    ),
    Case(
        "keys-differ-from-period",
        (*PUBLISH, "UPDATE delivery_scopes SET rows = 2"),
        ("delivery",),
        also=(("periods-differ-from-delivery", "delivery"),),
    ),
    Case(
        "periods-differ-from-delivery",
        (*PUBLISH, "UPDATE deliveries SET rows = 2 WHERE id = :delivery"),
        ("delivery",),
        also=(("groups-differ-from-delivery", "delivery"),),
    ),
    Case(
        "replaced-period-in-force",
        (
            *PUBLISH,
            copy("deliveries", "id = :delivery", id="'dlv2'", published_at=MAY),
            copy("delivery_scopes", "delivery_id = :delivery", delivery_id="'dlv2'"),
            copy("delivery_keys", "delivery_id = :delivery", delivery_id="'dlv2'"),
            copy("usage_groups", "delivery_id = :delivery", delivery_id="'dlv2'"),
        ),
        ("delivery",),
    ),
    Case(
        "kept-rows-differ",
        (
            *PUBLISH,
            lambda params: db.session.execute(
                insert(DeliveryPart), [{**NO_PARQUET, "delivery_id": params["delivery"]}]
            ),
        ),
        ("delivery",),
    ),
)
