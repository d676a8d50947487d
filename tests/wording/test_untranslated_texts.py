"""Nothing is said to people outside the catalogues: not by templates, nor by the code."""

from __future__ import annotations

import ast
import builtins
import re
import smtplib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

from portal.wording.clouds import EMPTYING
from portal.wording.memberships import COMMANDS
from tests.support import catalogue
from tests.support.map import modules

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = sorted((ROOT / "portal" / "templates").rglob("*.*"))
UNTRANSLATED = {"providers", "usage_files"}
"""What a cloud or a connection to it answers is evidence, like a relay's reply: in English. What is
in `usage_files` is SQL; faults there are codes."""
SPOKEN_ON_A_TERMINAL = {"cli", "config", "demo", "doctor", "health.py", "logs.py", "metrics.py"}
GETTEXT = re.compile("(lazy_)?n?p?gettext|_|N_")
CODES = {"SUBACCOUNT-", "ACCEPTANCE-", "REQUIRED", "Active", "Suspended", "Inactive"}
"""Statuses, which stand in code form in every language."""

SPOKEN = {"title", "aria-label", "placeholder", "alt"}
UNSPOKEN_DATA = {"data-dialog", "data-poll", "data-role"}
"""Attributes of data that name a thing of the page, and are not read to anyone."""


LENT = re.compile(r'(?!title|aria-label|placeholder|alt)[\w-]+="[^"]*"')
"""Attributes outside of a tag, which a macro lends to whatever tag asks for them."""


class _Said(HTMLParser):
    """What the markup of a template says by itself, its tags and expressions taken out."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(markup)
        self.close()

    def handle_data(self, data: str) -> None:
        self.found += LENT.sub("", data).split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN or (name.startswith("data-") and name not in UNSPOKEN_DATA):
                self.found += (value or "").split()


def bare(paths: list[Path], found_in: Callable[[Path], set[str]]) -> dict[str, set[str]]:
    """What is found in each file, but nothing of those in which nothing is."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := found_in(path))}


def words(text: str) -> set[str]:
    return {word for word in text.split() if re.search(r"[^\W\d_]", word)}


def said_by(path: Path) -> set[str]:
    """Words that stand in a template itself, outside of its expressions."""
    tokens = Environment(autoescape=True).lex(path.read_text())
    markup = ""
    for _line, kind, text in tokens:
        if kind in ("data", "raw_data"):
            markup += text
        elif kind == "variable_begin" and markup.endswith(("<", "</")):
            markup += "tag"
    if path.suffix == ".txt":  # a mail's text, where a link stands bare
        return words(re.sub(r"[/?][\w/=-]*", "", markup))
    return words(" ".join(_Said(markup).found))


def test_a_template_says_nothing_by_itself() -> None:
    assert bare(TEMPLATES, lambda path: said_by(path) - CODES) == {}


def test_the_check_of_templates_finds_what_is_said() -> None:
    markup = '<p title="Hello">{{ _("kept") }} world<img alt="A cat" data-said="aloud"></p>'
    assert words(" ".join(_Said(re.sub(r"\{\{.*\}\}", "", markup)).found)) == {
        *("Hello", "world", "A", "cat", "aloud")
    }


CLASSES = {
    name
    for sheet in (ROOT / "portal" / "static").rglob("*.css")
    for name in re.findall(r"\.(-?[a-z][\w-]*)", sheet.read_text())
}
COLOUR_SCHEME = "light dark"


def expressed_by(template: str) -> Iterator[str]:
    """Texts in a template's expressions: a word with a capital, or several words but classes."""
    tree = Environment(autoescape=True).parse(template)
    in_catalogues = {
        id(argument)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and GETTEXT.fullmatch(call.node.name)
        for argument in call.args
    }
    for constant in tree.find_all(nodes.Const):
        text = constant.value
        if isinstance(text, str) and id(constant) not in in_catalogues:
            is_several = len(text.split()) > 1 and not CLASSES.issuperset(text.split())
            if is_several or re.search(r"\b[A-Z][a-z]*\b", text):
                yield text


def test_the_expressions_of_a_template_say_nothing_by_themselves() -> None:
    known = CODES | {COLOUR_SCHEME}
    assert bare(TEMPLATES, lambda path: set(expressed_by(path.read_text())) - known) == {}


def test_the_check_of_expressions_finds_what_is_said() -> None:
    template = """{{ _('Kept') }} {{ 'Bare' if it else _('kept %(x)s', x='in a gap') }}
        {{ ui.button('two words', 'btn btn-row') }} {% set it = 'Set ' ~ name %}"""
    assert set(expressed_by(template)) == {"Bare", "in a gap", "two words", "Set "}


WORDS = re.compile(r"[a-z][,;:.]? [A-Za-z’]*[a-z]{2}")
"""Words in a row, as in no code, address or constraint."""
SPEAKS = re.compile(r"flash|ValidationError|InputRequired|\w+Field")
"""Calls that hand a text to people, of however few words."""
UNSPOKEN = {"text", "Limit", "removeprefix"}
"""Calls with SQL, the name of a counter, and what is taken off."""
OF_HTTP = {"public, max-age=31536000, immutable", 'attachment; filename="%"'}

OF_A_SHELL = {*EMPTYING.values(), *COMMANDS.values()}


def called(call: ast.AST) -> str:
    function = getattr(call, "func", call)
    return str(getattr(function, "id", getattr(function, "attr", "")))


def is_unspoken(node: ast.AST) -> bool:
    """Docstrings, what is compared or logged, and faults of the code itself."""
    match node:
        case ast.Compare() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.expr() as error):
            return hasattr(builtins, called(error)) or hasattr(smtplib, called(error))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
            return True
        case ast.Call():
            return called(node) in UNSPOKEN
    return False


def told_by(node: ast.AST) -> Iterator[str]:
    """Texts for people in the code, without their markup, gaps as %."""
    if is_unspoken(node):
        return
    if isinstance(node, ast.Call) and SPEAKS.fullmatch(called(node)):
        first = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "label")]
        yield from (str(one.value) for one in first if isinstance(one, ast.Constant))
    if isinstance(node, ast.Constant | ast.JoinedStr):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(str(p.value) if isinstance(p, ast.Constant) else "%" for p in parts)
        text = re.sub("<[^>]*>", "", text)
        if WORDS.search(text):
            yield text
        return
    is_in_catalogues = isinstance(node, ast.Call) and GETTEXT.fullmatch(called(node))
    for child in node.keywords if is_in_catalogues else ast.iter_child_nodes(node):
        yield from told_by(child)


def translated() -> set[str]:
    """Every sentence of the catalogues, gaps as %."""
    found = (message.id for message in catalogue.extract_messages("en"))
    forms = ([one] if isinstance(one, str) else one for one in found)
    return {re.sub(r"%\(\w+\)s", "%", form) for each in forms for form in each}


SPEAKING = [
    path for path in modules() if not (SPOKEN_ON_A_TERMINAL | UNTRANSLATED).intersection(path.parts)
]


def test_the_code_tells_people_only_what_a_catalogue_has() -> None:
    """Here or where it is shown: what the domain or the worker keeps is translated there."""
    known = translated() | OF_HTTP | OF_A_SHELL
    assert bare(SPEAKING, lambda path: set(told_by(ast.parse(path.read_text()))) - known) == {}


def test_the_check_of_the_code_finds_what_is_told() -> None:
    code = '''
"""Of the module itself."""
flash("Saved", "success"); flash(_("Kept in it")); StringField(label="Name")
raise ValueError("for programmers"); raise Refused(f"not before {now}")
log.info("for operators"); known = {"key": "What follows"}; is_it = said == "as it says"
Length(message="Too long for us"); _("kept %(x)s", x="in a gap")
Markup("<p class='some thing'>{}</p>")
'''
    assert set(told_by(ast.parse(code))) == {
        *("Saved", "Name", "not before %", "What follows", "Too long for us", "in a gap")
    }
