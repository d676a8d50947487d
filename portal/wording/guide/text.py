"""The text of the guide: Markdown with pictures and anchors, filled with what holds here."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from babel.units import format_unit
from flask import current_app
from flask_babel import gettext, pgettext
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup, escape

from portal import config, urls
from portal.domain import identity, imports, policy
from portal.domain.policy import SignUpPolicy
from portal.i18n import formats
from portal.urls import asset

FOLDER = Path(__file__).parent
PIXELS = 1.5
"""Of a picture, for each of the page's."""
ONLY_IF = re.compile(r"^\{if (\w+)\} (.*\n)", re.MULTILINE)
"""A line that is there only where this fact holds."""
GAP = re.compile(r"%\(\w+\)s\.?")
ANCHOR = re.compile(r" \{#([a-z0-9-]+)\}$")


def rendered(slug: str, language: str) -> Markup:
    """The page's text as HTML; what differs between installations is this one's."""
    facts = _facts(language)
    return _rendered(slug, language, tuple(facts.items()))


def _facts(language: str) -> dict[str, str]:
    """What a text may name in braces; empty is what does not hold here."""
    agreed = policy.current()
    seconds = int(agreed.access_propagation.total_seconds())
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return {
        "product": config.current().product_name,
        "wait": format_unit(count, f"duration-{unit}", locale=language) if seconds else "",
        "per_day": str(agreed.invitations_per_day),
        "grant": formats.money(agreed.initial_grant) if agreed.initial_grant else "",
        "grant_days": str(agreed.initial_grant_lasts.days),
        "rows": str(imports.MAX_ROWS),
        "megabytes": str(config.MAX_FILE_BYTES // 1024**2),
        "kept_days": str(imports.RETENTION.days),
        "domains": ", ".join(agreed.customer_email_domains),
        "closed": "yes" if agreed.sign_up is SignUpPolicy.CLOSED else "",
        "invited": "yes" if agreed.sign_up is SignUpPolicy.INVITED else "",
        "signs_up": "" if agreed.sign_up is SignUpPolicy.CLOSED else "yes",
        "password_least": str(identity.MIN_PASSWORD_LENGTH),
        "idle": str(identity.SESSION_IDLE_TIMEOUT.seconds // 60),
        "hours": str(identity.SESSION_LIFETIME.seconds // 3600),
        "open": "yes" if agreed.sign_up is SignUpPolicy.OPEN else "",
    }


@cache
def _rendered(slug: str, language: str, facts: tuple[tuple[str, str], ...]) -> Markup:
    known = dict(facts)
    source = (FOLDER / language / f"{slug}.md").read_text()
    source = ONLY_IF.sub(lambda line: line[2] if known[line[1]] else "", source)
    text = _markdown().render(source, {"language": language})
    return Markup(_filled(text, known))  # noqa: S704 - HTML in our text is disabled, facts escaped


def _filled(text: str, facts: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda gap: str(escape(facts[gap[1]])), text)


@cache
def _markdown() -> MarkdownIt:
    found = MarkdownIt("commonmark", {"html": False})
    found.core.ruler.push("anchors", _anchors)
    found.core.ruler.push("links", _links)
    found.core.ruler.push("quotes", _quotes)
    found.add_render_rule("image", _picture)
    return found


def _anchors(state: StateCore) -> None:
    """`## Heading {#name}` can be linked to, in every language alike."""
    for heading, inline in pairwise(state.tokens):
        last = inline.children[-1] if inline.children else None
        anchor = ANCHOR.search(last.content) if last else None
        if heading.type == "heading_open" and last and anchor:
            heading.attrSet("id", anchor[1])
            last.content = last.content[: anchor.start()]


def _links(state: StateCore) -> None:
    """`[words](page:console)` leads to the page that `urls` has for that kind."""
    for inline in state.tokens:
        for child in inline.children or []:
            scheme, _colon, kind = str(child.attrGet("href") or "").partition(":")
            if scheme == "page":
                child.attrSet("href", urls.path(kind))


def _quotes(state: StateCore) -> None:
    """What is bold or italic is said in the reader's language where the screens say it, too."""
    for inline in state.tokens:
        children = inline.children or []
        for opening, text in pairwise(children):
            if opening.type in ("strong_open", "em_open"):
                context, _bar, words = text.content.rpartition("|")
                said = pgettext(context, words) if context else gettext(words)
                text.content = GAP.sub("…", said)


def _picture(
    _renderer: RendererHTML,
    tokens: list[Token],
    index: int,
    _options: Any,
    env: MutableMapping[str, Any],
) -> str:
    """`![what it shows](name)`: the picture of that name in the page's language."""
    name = f"guide/{env['language']}/{tokens[index].attrs['src']}.webp"
    content = (Path(str(current_app.static_folder)) / name).read_bytes()
    sizes = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))  # RFC 9649
    return Markup(
        '<span class="shot"><img src="{}" alt="{}" width="{}" height="{}" loading="lazy"></span>'
    ).format(asset(name), tokens[index].content, *(round(size / PIXELS) for size in sizes))
