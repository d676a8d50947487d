"""The linting test client: the faults that it finds, and how it clicks and submits forms."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, redirect, request
from werkzeug.test import TestResponse

from tests.support.browser import Browser

HTMX = {"HX-Request": "true"}
FRAME = '<!doctype html><html lang="en"><head><title>T</title></head><body>{}</body></html>'
FORM = """<form id="edit" action="/save" method="post" enctype="multipart/form-data">
  <input type="hidden" name="csrf_token" value="secret">
  <label>Name <input name="name" value="North"></label>
  <label>Note <textarea name="note">one
two</textarea></label>
  <label>Role <select name="role"><option>viewer</option>
    <option value="editor" selected>Editor</option></select></label>
  <label>Clouds <select name="cloud" multiple><option>a</option>
    <option selected>b</option></select></label>
  <label><input type="checkbox" name="news" checked> News</label>
  <label><input type="checkbox" name="terms" value="yes"> Terms</label>
  <label><input type="checkbox" name="day" value="mo" checked> Monday</label>
  <label><input type="checkbox" name="day" value="tu"> Tuesday</label>
  <label><input type="radio" name="mode" value="own" checked> Own</label>
  <label><input type="radio" name="mode" value="shared"> Shared</label>
  <label>Fixed <input name="fixed" value="x" disabled></label>
  <label>Logo <input type="file" name="logo"></label>
  <button name="then" value="stay">Save</button>
  <button formaction="/remove" aria-label="Remove it">×</button>
</form>
<form action="/find" method="get"><label>Find <input name="q"></label><button>Find</button></form>
<form action="/out" method="post"><input type="hidden" name="csrf_token" value="s">
  <button>Leave</button></form>
<form action="/out/2" method="post"><input type="hidden" name="csrf_token" value="s">
  <button>Leave</button></form>
<p>Next<b>door</b></p><p hidden>Unseen</p>
<a href="/seen?from=a#top">Next</a> <a href="/other">Twice</a> <a href="/third">Twice</a>
<a href="https://example.com/">Away</a>"""


class Shop(Browser):
    """A client of an application with one page, whose markup the test sets."""

    markup = ""
    policy = ""


@pytest.fixture
def client() -> Shop:
    app = Flask(__name__)

    @app.get("/page")
    def page() -> tuple[str, dict[str, str]]:
        return shop.markup, {"Referrer-Policy": shop.policy}

    @app.route("/seen", endpoint="seen")
    @app.route("/save", methods=["POST"], endpoint="save")
    @app.route("/remove", methods=["POST"], endpoint="remove")
    @app.route("/out/2", methods=["POST"], endpoint="out")
    @app.route("/find", endpoint="find")
    def echo() -> dict[str, Any]:
        sent = {**request.args.to_dict(False), **request.form.to_dict(False)}
        files = {name: file.filename for name, file in request.files.items()}
        return {"at": request.path, "sent": sent | files, "referer": request.headers.get("Referer")}

    @app.get("/moved")
    def moved() -> Any:
        return redirect("/page")

    shop = Shop(app, app.response_class)
    return shop


@pytest.fixture
def show(client: Shop) -> Callable[..., TestResponse]:
    def shows(markup: str, **headers: str) -> TestResponse:
        client.markup = markup
        return client.get("/page", headers=headers)

    return shows


FAULTS = {
    '<p>a</p><div id="x"></div><div id="x"></div>': 'id "x" is there 2 times',
    "<h1>Again</h1>": "2 h1 instead of one",
    "<div><p></div></p>": "a browser reads '/h1 div p /div /p /body' as '/h1 div p /p /div p'",
    "<p>One<p>Two</p>": "a browser reads 'h1 /h1 p p /p /body' as 'h1 /h1 p /p p /p'",
    "<table><p>a</p></table>": "a browser reads",
    "<svg><path/></svg></svg>": "a browser reads",
    "<div/>": "a browser reads",
    "</br>": "a browser reads",
    '<p class="a" class="b"></p>': "<p> has class twice",
    "<p hidden id=a hidden></p>": "<p> has hidden twice",
    "R&D": "& is not escaped: '&D",
    '<a href="/?a&lt">': "& is not escaped",
    "1 <2": "< is not escaped",
    '<p class="a>b</p>': "is not escaped",
    '<input name="n">': '<input name="n"> has no label',
    '<label for="n"></label><select id="n" name="n"></select>': "has no label",
    '<textarea name="n" placeholder="N"></textarea>': "has no label",
    '<label for="gone">N</label>': 'for="gone" refers to nothing',
    '<input aria-label="N" aria-describedby="gone">': 'aria-describedby="gone" refers to nothing',
    '<p aria-labelledby="gone">': 'aria-labelledby="gone" refers to nothing',
    '<button><span aria-hidden="true">×</span></button>': "<button>× has no name",
    '<input type="submit" name="go">': "has no name",
    '<a href="/"><img src="/i" alt=""></a>': "has no name",
    '<img src="/i">': '<img src="/i"> has no alt',
    "<a>Nowhere</a>": "has no href",
    '<form action="/x" method="POST"></form>': "posts without a csrf_token field",
    "<form></form>": "has no action",
    '<button hx-get="/x">Go</button>': "works only with htmx: hx-get without href",
    '<div hx-get="/x" data-poll></div>': "works only with htmx: hx-get without href",
    '<button hx-post="/x">Go</button>': "hx-post outside a form with action",
    '<p style="color: red">': "has inline style",
    "<style>p {}</style>": "has inline style",
    "<script>go()</script>": "is an inline script",
    '<a href="javascript:go()">Go</a>': "is an inline script",
    '<p onclick="go()">': "has the inline handler onclick",
    '<p hx-on::load="go()">': "has the inline handler hx-on::load",
}


@pytest.mark.parametrize(("markup", "words"), FAULTS.items())
def test_a_faulty_page_is_refused(
    show: Callable[..., TestResponse], markup: str, words: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        show(FRAME.format("<h1>H</h1>" + markup))
    title, *wrong = str(caught.value).splitlines()
    assert title == "GET http://localhost/page answered 200 with a faulty page:"
    assert any(words in line for line in wrong), wrong


def test_all_faults_of_a_page_are_told_at_once(show: Callable[..., TestResponse]) -> None:
    with pytest.raises(AssertionError) as caught:
        show("<head><title> </title></head><p>Bare")
    told = str(caught.value)
    for words in ("no <!doctype html>", "0 h1", "titles instead of one", "without lang"):
        assert words in told


def test_a_good_page_passes(client: Shop, show: Callable[..., TestResponse]) -> None:
    polling = '<p hx-get="/x" hx-trigger="every 2s" data-poll>Sent</p>'
    icon = '<a href="/x" hx-get="/x"><svg><title>Home</title></svg></a><script src="/s"></script>'
    show(FRAME.format("<h1>H</h1>" + FORM + polling + icon))
    assert client.page.find(".//h1") is not None
    assert client.text.startswith("H Name")
    assert "Nextdoor Next" in client.text
    assert "Unseen" not in client.text
    client.get("/moved", follow_redirects=True)
    assert client.url == "http://localhost/page"


def test_a_fragment_is_judged_within_its_page(
    client: Shop, show: Callable[..., TestResponse]
) -> None:
    show('<p aria-describedby="h">Alone</p>', **HTMX)
    show(FRAME.format('<h1 id="h">H</h1>'))
    show('<tr id="r"><td aria-describedby="h">Row</td></tr><tr><td>Two</td></tr>', **HTMX)
    assert client.text == "Row Two"
    show("<option>a</option><template><tr><td>b</td></tr></template>", **HTMX)
    show("", **HTMX)
    for markup in ('<p aria-describedby="gone"></p>', "<input>", "<b>", "<!doctype html><p>a</p>"):
        with pytest.raises(AssertionError, match="a faulty fragment"):
            show(markup, **HTMX)
    with pytest.raises(AssertionError, match="0 h1"):
        show("<p>For the whole window</p>", **HTMX, **{"HX-Boosted": "true"})


def test_a_form_is_read_as_it_stands(client: Shop, show: Callable[..., TestResponse]) -> None:
    show(FRAME.format("<h1>H</h1>" + FORM))
    assert (
        client.form(id="edit")
        == client.form("/save")
        == {
            "csrf_token": "secret",
            "name": "North",
            "note": "one\ntwo",
            "role": "editor",
            "cloud": ["b"],
            "news": "on",
            "day": ["mo"],
            "mode": "own",
        }
    )
    with pytest.raises(AssertionError, match="4 forms"):
        client.form()


def test_a_form_is_filled_in_and_sent(client: Shop, show: Callable[..., TestResponse]) -> None:
    show(FRAME.format("<h1>H</h1>" + FORM))
    logo = (io.BytesIO(b"png"), "logo.png")
    saved = client.submit(
        "Save",
        name="South",
        role="viewer",
        cloud=["a", "b"],
        news=False,
        terms=True,
        day=["tu"],
        mode="shared",
        logo=logo,
    )
    assert saved.json == {
        "at": "/save",
        "referer": "http://localhost/page",
        "sent": {
            "csrf_token": ["secret"],
            "name": ["South"],
            "note": ["one\r\ntwo"],
            "role": ["viewer"],
            "cloud": ["a", "b"],
            "terms": ["yes"],
            "day": ["tu"],
            "mode": ["shared"],
            "logo": "logo.png",
            "then": ["stay"],
        },
    }
    removed = client.submit("Remove it").get_json()
    assert removed["at"] == "/remove"
    assert "then" not in removed["sent"]
    assert client.submit("Find", q="a & b").get_json()["sent"] == {"q": ["a & b"]}
    assert client.submit("Leave", form="/out/2").get_json()["at"] == "/out/2"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda client: client.submit("Save", gone="x"), "has no field 'gone', it has"),
        (lambda client: client.submit("Save", fixed="x"), "has no field 'fixed', it has"),
        (lambda client: client.submit("Save", role="owner"), "offers .*'editor'.*, not .*'owner'"),
        (lambda client: client.submit("Leave"), "2 buttons 'Leave'; there are .*'Save' of <form"),
        (lambda client: client.submit("Sell"), "0 buttons 'Sell'; there are"),
        (lambda client: client.submit(), "5 submit buttons; there are"),
        (lambda client: client.click("Sell"), "0 links 'Sell'; .*Next"),
        (lambda client: client.click("Twice"), "2 links 'Twice'; which lead to .*/other.*/third"),
        (lambda client: client.click("Away"), "leads out of the application"),
    ],
)
def test_what_a_person_could_not_do_fails(
    client: Shop, show: Callable[..., TestResponse], act: Callable[[Shop], Any], words: str
) -> None:
    show(FRAME.format("<h1>H</h1>" + FORM))
    with pytest.raises(AssertionError, match=words):
        act(client)


@pytest.mark.parametrize(
    ("policy", "referer"),
    [
        ("", "http://localhost/page"),
        ("same-origin", "http://localhost/page"),
        ("strict-origin", "http://localhost/"),
        ("no-referrer", None),
    ],
)
def test_a_link_is_followed_and_says_from_where(
    client: Shop, show: Callable[..., TestResponse], policy: str, referer: str | None
) -> None:
    client.policy = policy
    show(FRAME.format("<h1>H</h1>" + FORM))
    seen = client.click("Next").json
    assert seen == {"at": "/seen", "sent": {"from": ["a"]}, "referer": referer}
