"""Steps: an operator confirms a change of one thing, then its verb runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from portal import web


class Step(NamedTuple):
    """A step of an operator with a thing: its verb and its wording."""

    verb: Callable[..., None]
    title: Any
    button: Any
    consequence: Any
    done: Any
    is_danger: bool = False


def take(
    step: Step,
    find: Callable[[], Any],
    *,
    tab: str,
    back: str,
    form: web.Form | None = None,
    facts: Callable[[], dict[str, Any]] = dict,
) -> Any:
    """Ask for confirmation on GET, take the step on POST. `find` loads the thing, which has a name,
    or aborts with 404; `facts` are further arguments of the verb, from a valid form."""
    find()
    web.require_recent_sign_in()
    form = web.Form() if form is None else form
    if answer := web.submit(
        form, lambda: step.verb(find(), by=web.actor(), **facts()), to=back, success=step.done
    ):
        return answer
    return web.form_page(form, "operator/confirm.html", thing=find(), step=step, tab=tab, back=back)
