"""Erasing a customer drops tags, names and unknown columns of its rows of usage; amounts stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import customers, links
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.usage import DeliveryPart, PartKind
from tests.cli.test_cli import call
from tests.support.money import problems, row
from tests.support.usage import deliver
from tests.support.world import OLGA, Clock, World, signed_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def extras(folder: Path) -> Iterator[tuple[Any, ...]]:
    """Tags and unknown column of the rows of all deliveries."""
    query = select(DeliveryPart.content).where(DeliveryPart.kind == PartKind.EXTRAS)
    for content in db.read(lambda: list(db.session.scalars(query))):
        (folder / "piece.parquet").write_bytes(content)
        found = duckdb.execute(f"SELECT Tags, x_Vendor FROM '{folder}/piece.parquet'")
        yield from found.fetchall()


def test_the_extras_of_an_erased_customer_go_and_no_others(
    app: Flask, world: World, clock: Clock, tmp_path: Path
) -> None:
    clock.forward(days=1)  # to the 3rd

    def move() -> None:
        to = db.session.get_one(BillingAccount, world.south)
        links.move(db.lock(Cloud, world.ninas_cloud), by=COMMAND, to=to)

    db.write(move)
    deliver(
        row("1", world.ninas_cloud, "02T11", Tags="Nina's", x_Vendor="Nina"),
        row("2", world.ninas_cloud, "05T10", Tags="South's", x_Vendor="South"),
        row("4", world.doras_cloud, Tags="Dora's", x_Vendor="Dora"),
    )
    others = [("South's", "South"), ("Dora's", "Dora")]
    assert sorted(extras(tmp_path)) == sorted([("Nina's", "Nina"), *others])
    code, _said = call(app, "customer", "erase", world.ninas_customer)
    assert (code, len(list(extras(tmp_path)))) == (1, 3)  # the partnership goes on

    def end() -> None:
        customer = db.lock(Customer, world.ninas_customer)
        customers.end(customer, by=signed_in(OLGA))

    db.write(end)
    for _again in range(2):
        assert call(app, "customer", "erase", world.ninas_customer)[0] == 0
        assert sorted(extras(tmp_path)) == sorted(others)
    assert problems() == []
