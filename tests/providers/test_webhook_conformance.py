"""The kind webhook passes the conformance suite, with the example as its cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers import webhook_example
from tests.providers.conformance import Conformance
from tests.providers.system import System


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with webhook_example.started() as system:
        yield system


class TestWebhook(Conformance):
    pass
