"""A parsed page, and the lint rules that every page must pass."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from xml.etree.ElementTree import Element, SubElement

from selectolax.lexbor import LexborHTMLParser, LexborNode

HTMX_REQUESTS = ("hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete")
BUTTON_TYPES = ("submit", "button", "reset", "image")
SVG = "{http://www.w3.org/2000/svg}"
SVG_TITLE = f"{SVG}title"
UNSEEN = ("head", "script", "style", "template", SVG_TITLE)
# A browser adds no space closest these elements.
INLINE = (
    *("a", "abbr", "b", "bdi", "cite", "code", "data", "del", "em", "i", "ins", "kbd", "mark"),
    *("q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"),
)
# HTML allows no row outside a table; htmx accepts it, and the parser needs a container.
CONTAINERS = {"tr": "tbody", "td": "tr", "th": "tr", "tbody": "table", "thead": "table"}

TAG = re.compile(r"""<([/!]?[a-zA-Z][\w:-]*)((?:"[^"]*"|'[^']*'|[^"'<>])*)>""")
COMMENT = re.compile("<!--.*?-->", re.DOTALL)
VALUE = re.compile(r"""=\s*("[^"]*"|'[^']*')""")
BARE_AMPERSAND = re.compile(r"&(?!(?:[a-zA-Z][a-zA-Z0-9]*|#\d+|#[xX][0-9a-fA-F]+);)")


def parse(markup: str, is_fragment: bool) -> tuple[Element, list[str]]:
    """The tree as a browser makes it, and the faults of the markup: what the browser has to guess,
    and what it moves, closes or leaves out."""
    if is_fragment:
        first = re.match(r"\s*<(\w+)", markup)
        container = CONTAINERS.get(first[1].lower() if first else "", "div")
        parser = LexborHTMLParser(markup, is_fragment=True, fragment_tag=container)
    else:
        parser = LexborHTMLParser(markup)
    root = Element("fragment" if is_fragment else "html")
    if parser.root:  # an empty fragment has none
        _append(root, parser.root, "")
        if not is_fragment:
            root.attrib.update(_attributes(parser.root))
    return root, list(_markup_faults(markup, parser.html or ""))


def _append(element: Element, parent: LexborNode, namespace: str) -> None:
    """Append to the element what is below the parent; a fragment's root is its first node, whose
    `iter` has all of them."""
    last: Element | None = None
    for node in parent.iter(include_text=True):
        if node.is_element_node:
            inside = SVG if node.tag == "svg" else namespace
            last = SubElement(element, f"{inside}{node.tag}", _attributes(node))
            _append(last, node, inside)
        elif node.is_text_node:
            if last is None:
                element.text = (element.text or "") + (node.text_content or "")
            else:
                last.tail = (last.tail or "") + (node.text_content or "")


def _attributes(node: LexborNode) -> dict[str, str]:
    return {name: value or "" for name, value in node.attributes.items()}


def _markup_faults(markup: str, serialized: str) -> Iterator[str]:
    source = COMMENT.sub("", markup)
    if found := BARE_AMPERSAND.search(source):
        yield f"& is not escaped: {source[found.start() :][:40]!r}"
    if "<" in (text := TAG.sub("", source)):
        yield f"< is not escaped: {text[text.index('<') :][:40]!r}"
    for name, attributes in TAG.findall(source):
        if repeated := _repeated_attribute(VALUE.sub("", attributes)):
            yield f"<{name}> has {repeated} twice"
    written, read = _tags(source), _tags(COMMENT.sub("", serialized))
    if written != read:
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(written, read, strict=False))
        )
        there, here = (" ".join(tags[max(same - 3, 0) : same + 3]) for tags in (written, read))
        yield f"tag {same + 1}: a browser reads {there!r} as {here!r}"


def _tags(markup: str) -> list[str]:
    """The names of all tags in order; in SVG with the end tag for which an empty element has a
    slash."""
    names: list[str] = []
    is_svg = False
    for name, attributes in TAG.findall(markup):
        names.append(name.lower())
        if names[-1] in ("svg", "/svg"):
            is_svg = names[-1] == "svg"
        if is_svg and attributes.endswith("/"):
            names.append(f"/{names[-1]}")
    return names


@cache
def _repeated_attribute(names: str) -> str:
    return next((name for name, count in Counter(names.split()).items() if count > 1), "")


class Page:
    """A parsed page, or a fragment for htmx."""

    def __init__(self, markup: str, is_fragment: bool) -> None:
        self.root, self.errors = parse(markup, is_fragment)
        self.is_whole = not is_fragment
        self.has_doctype = markup.lstrip().lower().startswith("<!doctype html>")
        self.elements = list(self.root.iter())
        self.parents = {child: parent for parent in self.root.iter() for child in parent}
        self.ids = [element.attrib["id"] for element in self.elements if "id" in element.attrib]

    def find_all(self, *tags: str) -> list[Element]:
        """The elements with one of these tags, in order."""
        return [element for element in self.elements if element.tag in tags]

    def closest(self, element: Element, tag: str) -> Element | None:
        """The nearest element with this tag that is `element` or contains it."""
        node: Element | None = element
        while node is not None and node.tag != tag:
            node = self.parents.get(node)
        return node

    def form_of(self, control: Element) -> Element | None:
        """The form that a field or button belongs to."""
        if "form" in control.attrib:
            return next(
                (f for f in self.find_all("form") if f.get("id") == control.get("form")), None
            )
        return self.closest(control, "form")


def text_of(element: Element, spoken: bool = False) -> str:
    """The visible text of the element; if `spoken`, the text that a screen reader reads."""
    parts: list[str] = []

    def walk(node: Element) -> None:
        if "hidden" in node.attrib:
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
    """The accessible name of a link or button."""
    label = element.get("aria-label", "").strip() or element.get("aria-labelledby", "").strip()
    if element.tag == "input":
        attribute = "value" if element.get("type") != "image" else "alt"
        return label or element.get(attribute, "").strip()
    return label or text_of(element, spoken=True)


def describe(element: Element) -> str:
    """The element as messages show it: tag, three attributes, beginning of the text."""
    keys = ("id", "name", "type", "href", "action", "for", "hx-get", "hx-post", "src", "class")
    pairs = [f' {key}="{element.attrib[key]}"' for key in keys if key in element.attrib]
    return f"<{element.tag}{''.join(pairs[:3])}>{text_of(element)[:40]}"


def is_field(element: Element) -> bool:
    """Whether the element is a form field and no button."""
    return element.tag in ("select", "textarea") or (
        element.tag == "input" and element.get("type", "text").lower() not in BUTTON_TYPES
    )


def _frame_faults(page: Page, page_ids: set[str] | None) -> Iterator[str]:
    yield from page.errors
    if page.is_whole:
        headings, titles = page.find_all("h1"), page.find_all("title")
        if len(headings) != 1:
            yield f"{len(headings)} h1 instead of one: {[text_of(h1) for h1 in headings]}"
        if not page.has_doctype:
            yield "no <!doctype html>"
        if len(titles) != 1 or not (titles[0].text or "").strip():
            yield f"{len(titles)} titles instead of one that says something"
        if not page.root.get("lang"):
            yield "<html> without lang"
    for element_id, count in Counter(page.ids).items():
        if count > 1:
            yield f'id "{element_id}" is there {count} times'


def _reference_faults(page: Page, page_ids: set[str] | None) -> Iterator[str]:
    """A fragment may refer to IDs of its page; not checked if the page is unknown."""
    if page_ids is None:
        return
    for element in page.elements:
        attributes = ["aria-describedby", "aria-labelledby"] + ["for"] * (element.tag == "label")
        for attribute in attributes:
            for reference in element.get(attribute, "").split():
                if reference not in page_ids and reference not in page.ids:
                    yield f'{describe(element)} {attribute}="{reference}" refers to nothing'


def _name_faults(page: Page, page_ids: set[str] | None) -> Iterator[str]:
    labels = page.find_all("label")
    labelled = {label.get("for") for label in labels if text_of(label, spoken=True)}
    for element in page.elements:
        if is_field(element) and element.get("type") != "hidden":
            label = page.closest(element, "label")
            is_wrapped = label is not None and text_of(label, spoken=True)
            aria_label = element.get("aria-label", "").strip() or element.get("aria-labelledby")
            is_labelled = element.get("id") and element.get("id") in labelled
            if not (aria_label or is_wrapped or is_labelled):
                yield f"{describe(element)} has no label"
        is_button = element.tag == "input" and element.get("type", "").lower() in BUTTON_TYPES
        if (is_button or element.tag in ("a", "button")) and not accessible_name(element):
            yield f"{describe(element)} has no name: no text and no aria-label"
        if element.tag == "img" and "alt" not in element.attrib:
            yield f"{describe(element)} has no alt"


def _form_faults(page: Page, page_ids: set[str] | None) -> Iterator[str]:
    protected = [page.form_of(e) for e in page.find_all("input") if e.get("name") == "csrf_token"]
    for form in page.find_all("form"):
        if form.get("method", "get").lower() == "post" and form not in protected:
            yield f"{describe(form)} posts without a csrf_token field"
        if not form.get("action") and form.get("method") != "dialog":
            yield f"{describe(form)} has no action"
    for link in page.find_all("a"):
        if not link.get("href"):
            yield f"{describe(link)} has no href"
    for element in page.elements:
        if element.attrib.keys().isdisjoint(HTMX_REQUESTS):
            continue
        owner = page.form_of(element)
        in_form = owner is not None and bool(owner.get("action"))
        is_polling = "data-poll" in element.attrib and "hx-trigger" in element.attrib
        if "hx-get" in element.attrib and not (element.get("href") or in_form or is_polling):
            yield (
                f"{describe(element)} works only with htmx: hx-get without href, without a form's"
                " action, and without data-poll and hx-trigger"
            )
        for attribute in HTMX_REQUESTS[1:]:
            if attribute in element.attrib and not in_form:
                yield (
                    f"{describe(element)} works only with htmx: {attribute} outside a form with"
                    " action"
                )


def _inline_faults(page: Page, page_ids: set[str] | None) -> Iterator[str]:
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


def lint(page: Page, page_ids: set[str] | None) -> list[str]:
    """The faults of the page; `page_ids` are the IDs closest a fragment, None if they are unknown.

    The rules: valid markup, one h1 and a title, a language, unique IDs and valid references, a
    label for each field, a name for each link and button, a CSRF field in each form that posts, a
    fallback without htmx for each of its requests, and nothing inline that the CSP would block.
    """
    return [fault for rule in RULES for fault in rule(page, page_ids)]
