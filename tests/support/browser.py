"""A test client that lints every page, and follows links and submits forms as a browser does."""

import re
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.page import Page, accessible_name, describe, is_field, lint, text_of


class Form:
    """A form of a page: its fields with their current values, and its submit buttons."""

    def __init__(self, page: Page, element: Element) -> None:
        self.element = element
        self.action = element.get("action", "")
        controls = [e for e in page.elements if page.form_of(e) is element]
        active = [e for e in controls if "disabled" not in e.attrib and not _is_disabled(page, e)]
        self.fields = [e for e in active if is_field(e) and e.get("name")]
        self.buttons = [
            e
            for e in active
            if (e.tag == "button" and e.get("type", "submit").lower() == "submit")
            or (e.tag == "input" and e.get("type", "").lower() in ("submit", "image"))
        ]

    def values(self) -> dict[str, list[Any]]:
        """The values that a submission would send, by field name."""
        values: dict[str, list[Any]] = {}
        for field in self.fields:
            current = _current_values(field)
            if current:
                values.setdefault(field.attrib["name"], []).extend(current)
        return values

    def simple_values(self) -> dict[str, Any]:
        """The same, with a list only for names that may have several values."""
        values: dict[str, Any] = self.values()
        for name in {field.attrib["name"] for field in self.fields}:
            group = [field for field in self.fields if field.get("name") == name]
            boxes = [field for field in group if field.get("type") == "checkbox"]
            if len(boxes) > 1 or "multiple" in group[0].attrib:
                values.setdefault(name, [])
            elif name in values:
                values[name] = values[name][0]
        return values

    def fill(self, inputs: dict[str, Any]) -> dict[str, list[Any]]:
        """The values that a submission would send after these inputs."""
        values = self.values()
        for name, value in inputs.items():
            group = [field for field in self.fields if field.get("name") == name]
            if not group:
                names = sorted({field.attrib["name"] for field in self.fields})
                raise AssertionError(
                    f"{describe(self.element)} has no field {name!r}, it has {names}"
                )
            values[name] = _fill(group, value)
        return values


def _is_disabled(page: Page, element: Element) -> bool:
    fieldset = page.closest(element, "fieldset")
    return "disabled" in element.attrib or (fieldset is not None and "disabled" in fieldset.attrib)


def _options(field: Element) -> list[Element]:
    return [option for option in field.iter("option") if "disabled" not in option.attrib]


def _value(choice: Element) -> str:
    return choice.get("value", text_of(choice) if choice.tag == "option" else "on")


def _current_values(field: Element) -> list[str]:
    kind = field.get("type", "text").lower()
    if field.tag == "select":
        options = _options(field)
        chosen = [option for option in options if "selected" in option.attrib]
        several = "multiple" in field.attrib
        return [_value(option) for option in (chosen if several else chosen[-1:] or options[:1])]
    if field.tag == "textarea":
        return ["".join(field.itertext())]
    if kind in ("checkbox", "radio"):
        return [_value(field)] if "checked" in field.attrib else []
    return [] if kind == "file" else [field.get("value", "")]


def _fill(group: list[Element], value: Any) -> list[Any]:
    """The values of the fields with one name; True ticks a box, a list gives several values."""
    first = group[0]
    several = list(value) if isinstance(value, (list, set)) else [value]
    kind = first.get("type", "text").lower() if first.tag == "input" else first.tag
    if kind not in ("checkbox", "radio", "select"):
        return several if kind == "file" else ["" if v is None else str(v) for v in several]
    choices = [o for field in group for o in (_options(field) if kind == "select" else [field])]
    offered = [_value(choice) for choice in choices]
    if kind == "checkbox" and len(offered) == 1 and isinstance(value, bool):
        return offered if value else []
    values = [str(v) for v in several if v is not None]
    if not set(values) <= set(offered):
        raise AssertionError(f"{describe(first)} offers {offered}, not {values}")
    return values


class Browser(FlaskClient):
    """The client; set it with `app.test_client_class = Browser`.

    It lints every HTML response and raises AssertionError with all faults. The response to a
    request with `HX-Request: true` is a fragment, as for htmx.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = ""  # of the last whole page, the base of its links and forms
        self._page: Page | None = None
        self._page_ids: set[str] | None = None
        self._policy = ""

    @property
    def page(self) -> Element:
        """The root of the last page or fragment."""
        return self._current_page().root

    @property
    def text(self) -> str:
        """The visible text of the last page or fragment, in one line."""
        return text_of(self.page)

    def form(self, action_contains: str | None = None, id: str | None = None) -> dict[str, Any]:
        """The current values of the only form that matches, by field name.

        A value is a list if the name may have several: check boxes, or a multiple select.
        """
        forms = [
            form
            for form in self._forms()
            if (action_contains is None or action_contains in form.action)
            and id in (None, form.element.get("id"))
        ]
        if len(forms) != 1:
            descriptions = [describe(form.element) for form in self._forms()]
            raise AssertionError(
                f"{self.url}: {len(forms)} forms with action_contains={action_contains!r},"
                f" id={id!r}, instead of one; the page has {descriptions}"
            )
        return forms[0].simple_values()

    def submit(
        self, button_text: str | None = None, form: str | None = None, **fields: Any
    ) -> TestResponse:
        """Fill in the form of this button, submit it, and follow redirects.

        `form` is the form's ID or a part of its action, if several forms have such a button; the
        text may be omitted if there is one form. True ticks a check box, a list of values ticks
        several; a choice is given by its value, a file as `(stream, name)`.
        """
        owner, button = self._find_button(button_text, form)
        values = owner.fill(fields)
        if button.get("name"):
            values.setdefault(button.attrib["name"], []).append(button.get("value", ""))
        target = self._target(button.get("formaction") or owner.action)
        method = button.get("formmethod") or owner.element.get("method") or "get"
        if method.lower() == "get":
            query = urlencode(values, doseq=True)
            target = urlsplit(target)._replace(query=query).geturl()
            return self.get(target, headers=self._referer(), follow_redirects=True)
        encoding = owner.element.get("enctype", "application/x-www-form-urlencoded")
        return self.post(
            target,
            data={name: [_encode(value, encoding) for value in values[name]] for name in values},
            content_type=encoding,
            headers=self._referer(),
            follow_redirects=True,
        )

    def click(self, link_text: str) -> TestResponse:
        """Open the link with this text or accessible name, and follow redirects."""
        links = [link for link in self._current_page().find_all("a") if link.get("href")]
        matching = [link for link in links if link_text in (text_of(link), accessible_name(link))]
        targets = {urldefrag(urljoin(self.url, link.attrib["href"])).url for link in matching}
        if len(targets) != 1:
            there = (
                f"which lead to {sorted(targets)}" if targets else "; ".join(map(describe, links))
            )
            raise AssertionError(f"{self.url}: {len(matching)} links {link_text!r}; {there}")
        return self.get(self._target(targets.pop()), headers=self._referer(), follow_redirects=True)

    def open(
        self, *args: Any, buffered: bool = False, follow_redirects: bool = False, **kwargs: Any
    ) -> TestResponse:
        """Make a request and lint the response."""
        response = super().open(
            *args, buffered=buffered, follow_redirects=follow_redirects, **kwargs
        )
        # Each request after a redirect has called this method itself.
        if not response.history:
            self._lint(response)
        return response

    def _lint(self, response: TestResponse) -> None:
        request, status = response.request, response.status_code
        if response.mimetype != "text/html" or request.method == "HEAD":
            return
        if status == 204 or 300 <= status < 400:  # a browser shows none of these
            return
        headers = request.headers
        is_whole = headers.get("HX-Request") != "true" or (
            "HX-Boosted" in headers or "HX-History-Restore-Request" in headers
        )
        page = self._page = Page(response.get_data(as_text=True), is_fragment=not is_whole)
        faults = lint(page, set() if is_whole else self._page_ids)
        if is_whole:
            self._page_ids = set(page.ids)
            self._policy = response.headers.get("Referrer-Policy", "").split(",")[-1].strip()
        if is_whole or not self.url:
            self.url = urldefrag(request.url).url
        if faults:
            kind = "page" if is_whole else "fragment"
            title = f"{request.method} {request.url} answered {status} with a faulty {kind}:"
            raise AssertionError("\n- ".join([title, *faults]))

    def _current_page(self) -> Page:
        if self._page is None:
            raise AssertionError("no page has been opened yet")
        return self._page

    def _forms(self) -> list[Form]:
        page = self._current_page()
        return [Form(page, element) for element in page.find_all("form")]

    def _find_button(self, button_text: str | None, form: str | None) -> tuple[Form, Element]:
        candidates = [
            (owner, button)
            for owner in self._forms()
            if form is None or form == owner.element.get("id") or form in owner.action
            for button in owner.buttons
        ]
        matching = [
            pair
            for pair in candidates
            if button_text in (None, text_of(pair[1]), accessible_name(pair[1]))
        ]
        # The Enter key presses the first button of the form.
        if matching and button_text is None and len({owner.element for owner, _ in matching}) == 1:
            return matching[0]
        if len(matching) != 1:
            offers = [
                f"{accessible_name(button)!r} of {describe(owner.element)}"
                for owner, button in candidates
            ]
            buttons = f"buttons {button_text!r}" if button_text else "submit buttons"
            where = f" in form {form!r}" if form else ""
            raise AssertionError(
                f"{self.url}: {len(matching)} {buttons}{where}; there are {'; '.join(offers)}"
            )
        return matching[0]

    def _target(self, reference: str) -> str:
        target = urldefrag(urljoin(self.url, reference)).url
        if urlsplit(target)[:2] != urlsplit(self.url)[:2]:
            raise AssertionError(f"{self.url}: {reference!r} leads out of the application")
        return target

    def _referer(self) -> dict[str, str]:
        """The Referer header that a browser sends to the same origin."""
        if self._policy == "no-referrer":
            return {}
        only_origin = self._policy in ("origin", "strict-origin")
        return {"Referer": urljoin(self.url, "/") if only_origin else self.url}


def _encode(value: Any, encoding: str) -> Any:
    """The value as browsers send it, with CRLF line endings."""
    if isinstance(value, str):
        return re.sub(r"\r\n|\r|\n", "\r\n", value)
    if encoding != "multipart/form-data":
        raise AssertionError(f"the form has a file, but its enctype is {encoding}")
    return value
