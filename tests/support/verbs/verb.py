"""A verb of the role tables, with a sample call on the cast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portal.domain.actors import Actor
from tests.support.world import World


@dataclass(frozen=True)
class Verb:
    """A verb's action and a sample call."""

    action: str
    object_id: Callable[[World], str]
    """The ID of the account, cloud or invited subaccount whose roles decide on the permission."""
    run: Callable[[World, Actor], object]
    audit_actions: tuple[str, ...] = ()
    """The actions of the audit lines that the sample writes, if not one line with `action`."""
    prepare: Callable[[World, Actor], object] = lambda _world, _by: None
    """Create what the sample needs."""

    @property
    def name(self) -> str:
        return self.run.__name__

    def call(self, world: World, by: Actor) -> object:
        """Prepare the sample, then run it."""
        self.prepare(world, by)
        return self.run(world, by)


def north(world: World) -> str:
    return world.north
