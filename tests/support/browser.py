"""A test client that lints every page it sees, and clicks and fills in as a person would."""

import re
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.page import Page, accessible_name, describe, is_field, lint, text_of


class Form:
    """A form as a person finds it: its fields with their present values, its submit buttons."""

    def __init__(self, page: Page, element: Element) -> None:
        self.element = element
        self.action = element.get("action", "")
        mine = [e for e in page.elements if page.form_of(e) is element]
        active = [
            e for e in mine if "disabled" not in e.attrib and not _is_in_disabled_fieldset(page, e)
        ]
        self.fields = [e for e in active if is_field(e) and e.get("name")]
        self.buttons = [
            e
            for e in active
            if (e.tag == "button" and e.get("type", "submit").lower() == "submit")
            or (e.tag == "input" and e.get("type", "").lower() in ("submit", "image"))
        ]

    def values(self) -> dict[str, list[Any]]:
        """What would be sent now, by field name."""
        values: dict[str, list[Any]] = {}
        for field in self.fields:
            present = _current_values(field)
            if present:
                values.setdefault(field.attrib["name"], []).extend(present)
        return values

    def now(self) -> dict[str, Any]:
        """The same, a list only where there may be several."""
        values: dict[str, Any] = self.values()
        for name in {field.attrib["name"] for field in self.fields}:
            group = [field for field in self.fields if field.get("name") == name]
            boxes = [field for field in group if field.get("type") == "checkbox"]
            if len(boxes) > 1 or "multiple" in group[0].attrib:
                values.setdefault(name, [])
            elif name in values:
                values[name] = values[name][0]
        return values

    def filled(self, given: dict[str, Any]) -> dict[str, list[Any]]:
        """What would be sent after a person has filled in `given`."""
        values = self.values()
        for name, value in given.items():
            group = [field for field in self.fields if field.get("name") == name]
            if not group:
                there = sorted({field.attrib["name"] for field in self.fields})
                raise AssertionError(
                    f"{describe(self.element)} has no field {name!r}, it has {there}"
                )
            values[name] = _fill(group, value)
        return values


def _is_in_disabled_fieldset(page: Page, element: Element) -> bool:
    around = page.around(element, "fieldset")
    return around is not None and "disabled" in around.attrib


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
    """The values of the fields of one name; a tick is True, several are a list."""
    first = group[0]
    several = list(value) if isinstance(value, (list, set)) else [value]
    kind = first.get("type", "text").lower() if first.tag == "input" else first.tag
    if kind not in ("checkbox", "radio", "select"):
        return several if kind == "file" else ["" if v is None else str(v) for v in several]
    choices = [o for field in group for o in (_options(field) if kind == "select" else [field])]
    offered = [_value(choice) for choice in choices]
    if kind == "checkbox" and len(offered) == 1 and isinstance(value, bool):
        return offered if value else []
    wanted = [str(v) for v in several if v is not None]
    if not set(wanted) <= set(offered):
        raise AssertionError(f"{describe(first)} offers {offered}, not {wanted}")
    return wanted


class Browser(FlaskClient):
    """The client; an application gives it out after `app.test_client_class = Browser`.

    Any response with HTML is linted, whichever method asked for it, and AssertionError tells all
    that is wrong. To `HX-Request: true` a fragment is expected, as htmx would.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url = ""  # of the last whole page, where its links and forms start from
        self._page: Page | None = None
        self._known: set[str] | None = None
        self._policy = ""

    @property
    def page(self) -> Element:
        """The root of the last page or fragment."""
        return self._seen().root

    @property
    def text(self) -> str:
        """What a person reads on the last page or fragment, in one line."""
        return text_of(self.page)

    def form(self, action_contains: str | None = None, id: str | None = None) -> dict[str, Any]:
        """The fields of the one such form, as they stand: those that would be sent now.

        The value is a list where the name may have several: of boxes, or of a multiple select.
        """
        forms = [
            form
            for form in self._forms()
            if (action_contains is None or action_contains in form.action)
            and id in (None, form.element.get("id"))
        ]
        if len(forms) != 1:
            there = [describe(form.element) for form in self._forms()]
            raise AssertionError(
                f"{self.url}: {len(forms)} forms with action_contains={action_contains!r},"
                f" id={id!r}, instead of one; the page has {there}"
            )
        return forms[0].now()

    def submit(
        self, button_text: str | None = None, form: str | None = None, **fields: Any
    ) -> TestResponse:
        """Fill in the form that this button sends, press it, and follow where that leads.

        `form` is its ID or a part of its action, for when several forms have such a button; the
        text may be left out when there is one form. A box is ticked with True, several with a list
        of values; a choice is its value; a file is `(stream, name)`.
        """
        found, button = self._pick(button_text, form)
        values = found.filled(fields)
        if button.get("name"):
            values.setdefault(button.attrib["name"], []).append(button.get("value", ""))
        target = self._target(button.get("formaction") or found.action)
        method = button.get("formmethod") or found.element.get("method") or "get"
        if method.lower() == "get":
            query = urlencode(values, doseq=True)
            target = urlsplit(target)._replace(query=query).geturl()
            return self.get(target, headers=self._referer(), follow_redirects=True)
        encoding = found.element.get("enctype", "application/x-www-form-urlencoded")
        return self.post(
            target,
            data={name: [_encode(value, encoding) for value in values[name]] for name in values},
            content_type=encoding,
            headers=self._referer(),
            follow_redirects=True,
        )

    def click(self, link_text: str) -> TestResponse:
        """Follow the link that reads so, or is called so, and follow where that leads."""
        links = [link for link in self._seen().all("a") if link.get("href")]
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
        """Make a request, and lint what comes."""
        response = super().open(
            *args, buffered=buffered, follow_redirects=follow_redirects, **kwargs
        )
        # Each step behind a redirect has come through here by itself.
        if not response.history:
            self._look(response)
        return response

    def _look(self, response: TestResponse) -> None:
        request, status = response.request, response.status_code
        if response.mimetype != "text/html" or request.method == "HEAD":
            return
        if status == 204 or 300 <= status < 400:  # a browser shows nothing of these
            return
        asked = request.headers
        whole = asked.get("HX-Request") != "true" or (
            "HX-Boosted" in asked or "HX-History-Restore-Request" in asked
        )
        page = self._page = Page(response.get_data(as_text=True), fragment=not whole)
        wrong = lint(page, set() if whole else self._known)
        if whole:
            self._known = set(page.ids)
            self._policy = response.headers.get("Referrer-Policy", "").split(",")[-1].strip()
        if whole or not self.url:
            self.url = urldefrag(request.url).url
        if wrong:
            what = "page" if whole else "fragment"
            title = f"{request.method} {request.url} answered {status} with a faulty {what}:"
            raise AssertionError("\n- ".join([title, *wrong]))

    def _seen(self) -> Page:
        if self._page is None:
            raise AssertionError("no page has been seen yet")
        return self._page

    def _forms(self) -> list[Form]:
        page = self._seen()
        return [Form(page, element) for element in page.all("form")]

    def _pick(self, button_text: str | None, form: str | None) -> tuple[Form, Element]:
        there = [
            (found, button)
            for found in self._forms()
            if form is None or form == found.element.get("id") or form in found.action
            for button in found.buttons
        ]
        matching = [
            pair
            for pair in there
            if button_text in (None, text_of(pair[1]), accessible_name(pair[1]))
        ]
        # Pressing Enter takes the first button of the form.
        if matching and button_text is None and len({found.element for found, _ in matching}) == 1:
            return matching[0]
        if len(matching) != 1:
            offers = [
                f"{accessible_name(button)!r} of {describe(found.element)}"
                for found, button in there
            ]
            wish = f"buttons {button_text!r}" if button_text else "submit buttons"
            where = f" in form {form!r}" if form else ""
            raise AssertionError(
                f"{self.url}: {len(matching)} {wish}{where}; there are {'; '.join(offers)}"
            )
        return matching[0]

    def _target(self, reference: str) -> str:
        target = urldefrag(urljoin(self.url, reference)).url
        if urlsplit(target)[:2] != urlsplit(self.url)[:2]:
            raise AssertionError(f"{self.url}: {reference!r} leads out of the application")
        return target

    def _referer(self) -> dict[str, str]:
        """What a browser tells a page of the same origin."""
        if self._policy == "no-referrer":
            return {}
        only_origin = self._policy in ("origin", "strict-origin")
        return {"Referer": urljoin(self.url, "/") if only_origin else self.url}


def _encode(value: Any, encoding: str) -> Any:
    """A value as browsers send it, with lines ending in CR LF."""
    if isinstance(value, str):
        return re.sub(r"\r\n|\r|\n", "\r\n", value)
    if encoding != "multipart/form-data":
        raise AssertionError(f"the form has a file, but its enctype is {encoding}")
    return value
