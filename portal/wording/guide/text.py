"""Renders the guide: Markdown with pictures, anchors, and facts of the installation."""

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
DEVICE_PIXEL_RATIO = 1.5
"""Pixels of a picture for each CSS pixel."""
CONDITIONAL_LINE = re.compile(r"^\{if (\w+)\} (.*\n)", re.MULTILINE)
"""A line that is shown if this fact is not empty."""
PLACEHOLDER = re.compile(r"%\(\w+\)s\.?")
ANCHOR = re.compile(r" \{#([a-z0-9-]+)\}$")


def render(slug: str, language: str) -> Markup:
    """Return the page's text as HTML, with the facts of this installation."""
    facts = _facts(language)
    return _render(slug, language, tuple(facts.items()))


def _facts(language: str) -> dict[str, str]:
    """Return the facts that a text may name in braces; one that does not apply is empty."""
    current = policy.current()
    seconds = int(current.access_propagation.total_seconds())
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return {
        "product": config.current().product_name,
        "wait": format_unit(count, f"duration-{unit}", locale=language) if seconds else "",
        "per_day": str(current.invitations_per_day),
        "grant": formats.money(current.initial_grant) if current.initial_grant else "",
        "grant_days": str(current.initial_grant_lasts.days),
        "rows": str(imports.MAX_ROWS),
        "megabytes": str(config.MAX_FILE_BYTES // 1024**2),
        "kept_days": str(imports.RETENTION.days),
        "domains": ", ".join(current.customer_email_domains),
        "closed": "yes" if current.sign_up is SignUpPolicy.CLOSED else "",
        "invited": "yes" if current.sign_up is SignUpPolicy.INVITED else "",
        "signs_up": "" if current.sign_up is SignUpPolicy.CLOSED else "yes",
        "password_least": str(identity.MIN_PASSWORD_LENGTH),
        "idle": str(identity.SESSION_IDLE_TIMEOUT.seconds // 60),
        "recent": str(identity.RECENT_AUTHENTICATION.seconds // 60),
        "hours": str(identity.SESSION_LIFETIME.seconds // 3600),
        "open": "yes" if current.sign_up is SignUpPolicy.OPEN else "",
        "notice": str(current.notice_days),
        "billing_zone": str(current.billing_time_zone),
    }


@cache
def _render(slug: str, language: str, fact_items: tuple[tuple[str, str], ...]) -> Markup:
    facts = dict(fact_items)
    source = (FOLDER / language / f"{slug}.md").read_text()
    source = CONDITIONAL_LINE.sub(lambda line: line[2] if facts[line[1]] else "", source)
    html = _parser().render(source, {"language": language})
    return Markup(_fill(html, facts))  # noqa: S704 - HTML in our text is disabled, facts escaped


def _fill(html: str, facts: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(escape(facts[match[1]])), html)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.core.ruler.push("anchors", _set_anchors)
    parser.core.ruler.push("links", _resolve_links)
    parser.core.ruler.push("quotes", _translate_quotes)
    parser.add_render_rule("image", _render_picture)
    return parser


def _set_anchors(state: StateCore) -> None:
    """Give `## Heading {#name}` an ID that is the same in every language."""
    for heading, inline in pairwise(state.tokens):
        last = inline.children[-1] if inline.children else None
        anchor = ANCHOR.search(last.content) if last else None
        if heading.type == "heading_open" and last and anchor:
            heading.attrSet("id", anchor[1])
            last.content = last.content[: anchor.start()]


def _resolve_links(state: StateCore) -> None:
    """Resolve `[text](page:console)` to the path that `urls` has for that kind."""
    for inline in state.tokens:
        for child in inline.children or []:
            scheme, _colon, kind = str(child.attrGet("href") or "").partition(":")
            if scheme == "page":
                child.attrSet("href", urls.path(kind))


def _translate_quotes(state: StateCore) -> None:
    """Translate bold and italic texts, which quote the screens."""
    for inline in state.tokens:
        children = inline.children or []
        for opening, text in pairwise(children):
            if opening.type in ("strong_open", "em_open"):
                context, _bar, message = text.content.rpartition("|")
                translation = pgettext(context, message) if context else gettext(message)
                text.content = PLACEHOLDER.sub("…", translation)


def _render_picture(
    _renderer: RendererHTML,
    tokens: list[Token],
    index: int,
    _options: Any,
    env: MutableMapping[str, Any],
) -> str:
    """Render `![alternative text](name)` as the picture of that name in the page's language."""
    name = f"guide/{env['language']}/{tokens[index].attrs['src']}.webp"
    content = (Path(str(current_app.static_folder)) / name).read_bytes()
    sizes = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))  # RFC 9649
    return Markup(
        '<span class="shot"><img src="{}" alt="{}" width="{}" height="{}" loading="lazy"></span>'
    ).format(
        asset(name), tokens[index].content, *(round(size / DEVICE_PIXEL_RATIO) for size in sizes)
    )
