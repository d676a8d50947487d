"""A page as the test client sees it, and the rules that every page keeps."""

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from xml.etree.ElementTree import Element

import html5lib
from html5lib.constants import E as PARSE_ERRORS

BUTTON_TYPES = ("submit", "button", "reset", "image")
SVG_TITLE = "{http://www.w3.org/2000/svg}title"
UNSEEN = ("head", "script", "style", "template", SVG_TITLE)
# Between these a browser puts no space of its own.
INLINE = (
    *("a", "abbr", "b", "bdi", "cite", "code", "data", "del", "em", "i", "ins", "kbd", "mark"),
    *("q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"),
)
# In HTML a row can't stand alone; htmx knows how to place it, and the parser must be told.
CONTAINERS = {"tr": "tbody", "td": "tr", "th": "tr", "tbody": "table", "thead": "table"}
# What the parser says of rows in a <template>, of which it has never heard.
FRAGMENT_ERRORS = ("unexpected-start-tag-ignored", "unexpected-end-tag")


# What differs in each answer; all else of a page is often as it was in another test.
TOKENS = re.compile(
    r'(?<=name="csrf_token" value=")[\w.-]+(?=")'
    r'|(?<=name="form_key" type="hidden" value=")[\w-]+(?=")'
)


@lru_cache(maxsize=128)
def parse(markup: str, fragment: bool) -> tuple[Element, tuple[str, ...]]:
    """The tree, to copy and not to change, and what is wrong with the markup."""
    builder = html5lib.getTreeBuilder("etree")
    parser = html5lib.HTMLParser(builder, strict=False, namespaceHTMLElements=False)
    if fragment:
        first = re.match(r"\s*<(\w+)", markup)
        container = CONTAINERS.get(first[1].lower() if first else "", "div")
        root: Element = parser.parseFragment(markup, container=container)
    else:
        root = parser.parse(markup)
    return root, tuple(
        f"line {position[0]}, column {position[1]}: {PARSE_ERRORS[code] % facts}"
        for position, code, facts in parser.errors
        if not fragment or code not in FRAGMENT_ERRORS
    )


class Page:
    """A parsed page, or a fragment that came for htmx."""

    def __init__(self, markup: str, fragment: bool) -> None:
        tokens: dict[str | None, str] = {}

        def take_out(token: re.Match[str]) -> str:
            placeholder = f"token-{len(tokens)}-taken-out"
            tokens[placeholder] = token[0]
            return placeholder

        root, errors = parse(TOKENS.sub(take_out, markup), fragment)
        self.root = deepcopy(root)
        self.whole = not fragment
        self.errors = list(errors)
        for field in self.root.iter("input"):
            if (placeholder := field.get("value")) in tokens:
                field.set("value", tokens[placeholder])
        # Comments and the doctype are nodes too, and have functions for tags.
        self.elements = [node for node in self.root.iter() if isinstance(node.tag, str)]
        self.parents = {child: parent for parent in self.root.iter() for child in parent}
        self.ids = [element.attrib["id"] for element in self.elements if "id" in element.attrib]

    def all(self, *tags: str) -> list[Element]:
        """The elements of these kinds, in order."""
        return [element for element in self.elements if element.tag in tags]

    def around(self, element: Element, tag: str) -> Element | None:
        """The nearest element of this kind that is `element` or contains it."""
        node: Element | None = element
        while node is not None and node.tag != tag:
            node = self.parents.get(node)
        return node

    def form_of(self, control: Element) -> Element | None:
        """The form that a field or button belongs to."""
        if "form" in control.attrib:
            return next((f for f in self.all("form") if f.get("id") == control.get("form")), None)
        return self.around(control, "form")


def text_of(element: Element, spoken: bool = False) -> str:
    """The text a person sees in it; `spoken`: hears, through a screen reader."""
    parts: list[str] = []

    def walk(node: Element) -> None:
        if not isinstance(node.tag, str) or "hidden" in node.attrib:
            return
        if node.tag in UNSEEN and not (spoken and node.tag == SVG_TITLE):
            return
        if spoken and node.get("aria-hidden") == "true":
            return
        gap = "" if node.tag in INLINE else " "
        parts.extend((gap, node.get("alt", "") if spoken else "", node.text or ""))
        for child in node:
            walk(child)
            parts.append(child.tail or "")
        parts.append(gap)

    walk(element)
    return " ".join("".join(parts).split())


def accessible_name(element: Element) -> str:
    """What a link or button is called, by those who hear the page."""
    own = element.get("aria-label", "").strip() or element.get("aria-labelledby", "").strip()
    if element.tag == "input":
        return own or element.get("value" if element.get("type") != "image" else "alt", "").strip()
    return own or text_of(element, spoken=True)


def describe(element: Element) -> str:
    """An element as a message names it."""
    shown = ("id", "name", "type", "href", "action", "for", "hx-get", "hx-post", "src", "class")
    pairs = [f' {key}="{element.attrib[key]}"' for key in shown if key in element.attrib]
    return f"<{element.tag}{''.join(pairs[:3])}>{text_of(element)[:40]}"


def is_field(element: Element) -> bool:
    """Whether it holds a value to send, and is no button."""
    return element.tag in ("select", "textarea") or (
        element.tag == "input" and element.get("type", "text").lower() not in BUTTON_TYPES
    )


def _frame_faults(page: Page, known: set[str] | None) -> Iterator[str]:
    yield from page.errors
    if page.whole:
        headings, titles = page.all("h1"), page.all("title")
        if len(headings) != 1:
            yield f"{len(headings)} h1 instead of one: {[text_of(h1) for h1 in headings]}"
        if len(titles) != 1 or not (titles[0].text or "").strip():
            yield f"{len(titles)} titles instead of one that says something"
        if not page.root.get("lang"):
            yield "<html> without lang"
    for twice in (key for key, count in Counter(page.ids).items() if count > 1):
        yield f'id "{twice}" stands there {Counter(page.ids)[twice]} times'


def _reference_faults(page: Page, known: set[str] | None) -> Iterator[str]:
    """A fragment may point into the page it goes to, if that page has been seen."""
    if known is None:
        return
    for element in page.elements:
        named = ["aria-describedby", "aria-labelledby"] + ["for"] * (element.tag == "label")
        for attribute in named:
            for wanted in element.get(attribute, "").split():
                if wanted not in known and wanted not in page.ids:
                    yield f'{describe(element)} {attribute}="{wanted}" refers to nothing'


def _name_faults(page: Page, known: set[str] | None) -> Iterator[str]:
    labels = page.all("label")
    labelled = {label.get("for") for label in labels if text_of(label, spoken=True)}
    for element in page.elements:
        if is_field(element) and element.get("type") != "hidden":
            around = page.around(element, "label")
            wrapped = around is not None and text_of(around, spoken=True)
            own = element.get("aria-label", "").strip() or element.get("aria-labelledby")
            if not (own or wrapped or (element.get("id") and element.get("id") in labelled)):
                yield f"{describe(element)} has no label"
        is_button = element.tag == "input" and element.get("type", "").lower() in BUTTON_TYPES
        if (is_button or element.tag in ("a", "button")) and not accessible_name(element):
            yield f"{describe(element)} has no name: no text and no aria-label"
        if element.tag == "img" and "alt" not in element.attrib:
            yield f"{describe(element)} has no alt"


def _form_faults(page: Page, known: set[str] | None) -> Iterator[str]:
    guarded = [page.form_of(e) for e in page.all("input") if e.get("name") == "csrf_token"]
    for form in page.all("form"):
        if form.get("method", "get").lower() == "post" and form not in guarded:
            yield f"{describe(form)} posts without a csrf_token field"
        if not form.get("action") and form.get("method") != "dialog":
            yield f"{describe(form)} has no action"
    for link in page.all("a"):
        if not link.get("href"):
            yield f"{describe(link)} has no href"
    for element in page.elements:
        form_around = page.form_of(element)
        in_form = form_around is not None and bool(form_around.get("action"))
        polls = "data-poll" in element.attrib and "hx-trigger" in element.attrib
        if "hx-get" in element.attrib and not (element.get("href") or in_form or polls):
            yield (
                f"{describe(element)} works only with htmx: hx-get without href, without a form's"
                " action, and without data-poll and hx-trigger"
            )
        for verb in ("hx-post", "hx-put", "hx-patch", "hx-delete"):
            if verb in element.attrib and not in_form:
                yield f"{describe(element)} works only with htmx: {verb} outside a form with action"


def _inline_faults(page: Page, known: set[str] | None) -> Iterator[str]:
    for element in page.elements:
        if "style" in element.attrib or element.tag == "style":
            yield f"{describe(element)} has inline style"
        if element.tag == "script" and not element.get("src"):
            yield f"{describe(element)} is an inline script"
        if element.get("href", "").strip().lower().startswith("javascript:"):
            yield f"{describe(element)} is an inline script"
        for attribute in element.attrib:
            if attribute.startswith(("on", "hx-on")):
                yield f"{describe(element)} has the inline handler {attribute}"


RULES = (_frame_faults, _reference_faults, _name_faults, _form_faults, _inline_faults)


def lint(page: Page, known: set[str] | None) -> list[str]:
    """What is wrong with it; `known` are the IDs around a fragment, None if we have not seen them.

    Tested are the markup, one h1 and a title, the language, unique IDs and references to them, a
    label for each field, a name for each link and button, the CSRF field of each form that posts,
    a way without htmx for each request of htmx, and nothing inline that the CSP would block.
    """
    return [fault for rule in RULES for fault in rule(page, known)]
