"""The real servers of `make test-clouds`, each started once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clouds import cloudkitty, environments, keystone, lxd
from tests.clouds.domains import Admin, Domain
from tests.clouds.rating import Rating


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is beside this file needs a real server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clouds)


@pytest.fixture(scope="session")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """The administrator of a real Keystone; the test is left out where it can't be had."""
    try:
        with keystone.start(tmp_path_factory.mktemp("keystone")) as server:
            yield Admin(server)
    except environments.Unavailable as reason:
        pytest.skip(f"no Keystone: {reason}")


@pytest.fixture(scope="session")
def rating(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rating]:
    """A real CloudKitty in the catalogue of Keystone."""
    try:
        with cloudkitty.start(tmp_path_factory.mktemp("cloudkitty"), admin.server.url) as url:
            yield Rating(admin, url)
    except environments.Unavailable as reason:
        pytest.skip(f"no CloudKitty: {reason}")


@pytest.fixture
def domain(admin: Admin) -> Domain:
    """A new domain with a manager, who may nothing else."""
    return admin.create_domain()


@pytest.fixture(scope="session")
def lxd_server() -> Iterator[lxd.Server]:
    """A real LXD; the test is left out where it can't be had."""
    try:
        with lxd.start() as server:
            yield server
    except lxd.NoLxd as reason:
        pytest.skip(f"no LXD: {reason}")
