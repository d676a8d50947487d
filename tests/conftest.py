"""Each test gets a database of its own, on SQLite and on PostgreSQL, and a clock that stands."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any, ClassVar

import flask_migrate
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, Pool, create_engine
from werkzeug.routing import Rule

from portal import config, configure_process, create_app, db
from portal.domain import identity
from tests.support import memory, postgres, row_snapshots
from tests.support.browser import Browser
from tests.support.world import START, Clock, World, build, user

SETTINGS = {
    "PORTAL_ENV": "local",
    "SECRET_KEY": "only-for-tests-0123456789-abcdefghij",
    "PRODUCT_NAME": "Test Cloud",
    "EXTERNAL_URL": "http://localhost",
    "INITIAL_GRANT": "4000",
    "INITIAL_GRANT_DAYS": "60",
    "SIGN_UP": "open",
    "CUSTOMER_EMAIL_DOMAINS": "",
    "TIME_ZONE": "UTC",
    "CURRENCY": "EUR",
    "MAIL_SERVER": "",
    "MAIL_DEFAULT_SENDER": "portal@test.example",
    "HOST": "127.0.0.1",
    "CREDENTIALS_KEY_FILE": "/nonexistent/credentials_keys",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="every test on both databases; browser tests at every width, theme and language",
    )
    parser.addoption(
        "--postgresql",
        action="store_true",
        help="only the tests on PostgreSQL that a run without options leaves to `--full`",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without options, run on PostgreSQL only what has the mark `both_databases`.

    Tests in a browser, which wait half of their time, come first, so that others run beside them.
    """
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    if config.getoption("full"):
        return
    has_rest = config.getoption("postgresql")
    left_out = {item for item in items if is_left_to_full(item) is not has_rest}
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """The collector of garbage passes over what is there for the whole run: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def is_left_to_full(item: pytest.Item) -> bool:
    """Whether the test runs on PostgreSQL only because the fixture `kind` has both databases."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return (
        parameters.get("kind") == "postgresql"
        and not any(mark.args[0] == "kind" for mark in item.iter_markers("parametrize"))
        and item.get_closest_marker("both_databases") is None
    )


DESELECTED = pytest.StashKey[int]()


def pytest_deselected(items: Collection[pytest.Item]) -> None:
    """Count them: pytest-xdist does not report how many a worker leaves out."""
    for item in items:
        stash = item.config.stash
        stash[DESELECTED] = stash.get(DESELECTED, 0) + 1


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests that wait for a browser, a relay or a lock leave one
    idle."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", {})
    output["deselected"] = session.config.stash.get(DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The closing line says how many were left out; each worker of a run leaves out the same."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    output = getattr(node, "workeroutput", {})
    if output.get("deselected"):
        reporter.stats["deselected"] = [SimpleNamespace()] * output["deselected"]


class CachedRule(Rule):
    """A route that is compiled once per process: it is the same in every application."""

    compiled: ClassVar[dict[str, dict[str, Any]]] = {}
    results = ("_parts", "_trace", "_converters", "arguments", "_build", "_build_unknown")

    def compile(self) -> None:
        if self.defaults or self.subdomain or self.host:
            super().compile()
        elif self.rule in self.compiled:
            vars(self).update(self.compiled[self.rule])
        else:
            super().compile()
            self.compiled[self.rule] = {name: getattr(self, name) for name in self.results}


class CodeCache(BytecodeCache):
    """The code of each template, which is compiled once per process."""

    def __init__(self) -> None:
        self.codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.codes[bucket.key, bucket.checksum] = bucket.code


# Each test builds an application: routes and templates would take most of its time.
Flask.url_rule_class = CachedRule
Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CodeCache()}
# Passwords are hashed slowly on purpose; tests/domain/test_identity.py looks at the real hasher.
HASHER = identity.use_hasher(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
KINDS = ("sqlite", "postgresql")
_numbers = itertools.count()


class OwnContextBrowser(Browser):
    """Each request gets an application context of its own, as on a server: Flask would lend it the
    test's, and with that `g`, the signed-in user and the CSRF token of the request before."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            return super().open(*args, **kwargs)


COMPILERS: dict[str, Engine] = {}
"""For each kind of database the engine that made the cast: all others use its compiled statements,
which SQLAlchemy caches for each engine and dialect."""
POOLS: dict[str, Pool] = {}
"""The connections to each copy on PostgreSQL, by URL: the next test on it uses them again."""


def make_app(url: str, **overrides: str) -> Flask:
    app = create_app({**SETTINGS, "DATABASE_URL": url, **overrides})
    app.testing = True
    app.test_client_class = OwnContextBrowser
    with app.app_context():
        prepare_engine(db.extension.engine, url)
    return app


def prepare_engine(engine: Engine, url: str) -> None:
    if engine.dialect.name in COMPILERS:
        compiler = COMPILERS[engine.dialect.name]
        engine.dialect, engine._compiled_cache = compiler.dialect, compiler._compiled_cache
    engine.pool = POOLS.get(url, engine.pool)


class SharedApp:
    """An application that tests with the usual settings use one after the other, each on its own
    database: to build one takes longer than most tests."""

    def __init__(self) -> None:
        self._app: Flask | None = None
        self._state: object = None

    def lend(self, url: str, **overrides: str) -> Flask:
        if self._app is None or self._read_state(self._app) != self._state:  # a test changed it
            self._app = make_app(url, **overrides)
            self._state = self._read_state(self._app)
            return self._app
        app, settings = self._app, config.load({**SETTINGS, "DATABASE_URL": url, **overrides})
        configure_process(settings)
        app.extensions["settings"] = settings
        app._got_first_request = False
        with app.app_context():
            engine = create_engine(url, **db.engine_options(url))
            db.register_listeners(engine)
            prepare_engine(engine, url)
            db.extension.engines[None] = engine
        return app

    def _read_state(self, app: Flask) -> object:
        """What a test can change in it, but for the settings and the database."""
        hooks = (
            app.before_request_funcs,
            app.after_request_funcs,
            app.teardown_request_funcs,
            app.teardown_appcontext_funcs,
            app.template_context_processors,
            app.error_handler_spec,
        )
        return (
            {**app.config, "SQLALCHEMY_DATABASE_URI": ""},
            dict(app.view_functions),
            dict(app.jinja_env.globals),
            set(app.blueprints),
            repr(hooks),
            app.wsgi_app,
            app.testing,
            app.test_client_class,
        )


SHARED_APP = SharedApp()


class Databases:
    """For each kind a template with the cast in it, and copies of it by the test. A copy on
    PostgreSQL is used again, with its rows put back, unless a test changed its tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: postgres.Server | None = None
        self.templates: dict[str, tuple[str, World]] = {}
        self.free: list[str] = []  # copies on PostgreSQL that no test has now

    def empty(self, kind: str) -> str:
        """The URL of a new database with nothing in it."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        return self._server().create(name)

    def copy(self, kind: str) -> tuple[str, World]:
        """The URL of a new database with the cast, and the cast's IDs."""
        if kind not in self.templates:
            self.templates[kind] = self._template(kind)
        template, world = self.templates[kind]
        name = f"t{os.getpid()}_{next(_numbers)}"
        if kind == "postgresql":
            url = self.free.pop() if self.free else self._server().create(name, template)
            if url not in POOLS:
                engine = create_engine(url, **db.engine_options(url))
                db.register_listeners(engine)  # they configure each connection
                POOLS[url] = engine.pool
            return url, world
        shutil.copy(template, self.folder / f"{name}.db")
        return f"sqlite:///{self.folder / name}.db", world

    def drop(self, url: str) -> None:
        if url.startswith("sqlite"):
            for ending in ("", "-wal", "-shm"):
                Path(url.removeprefix("sqlite:///") + ending).unlink(missing_ok=True)
        elif url in POOLS and self._restore(url):
            self.free.append(url)
        else:
            if url in POOLS:
                POOLS.pop(url).dispose()
            self._server().drop(url.rpartition("/")[2])

    def _restore(self, url: str) -> bool:
        """Whether the copy can be used again: its rows are as in the template."""
        with closing(POOLS[url].connect()) as connection:
            return row_snapshots.restore(connection.driver_connection, self.kept)

    def _template(self, kind: str) -> tuple[str, World]:
        name = f"template{os.getpid()}"
        path = self.folder / f"{name}.db"
        url = f"sqlite:///{path}" if kind == "sqlite" else self._server().create(name)
        app = make_app(url)
        before, db.time.clock = db.time.clock, Clock(START)
        try:
            with app.app_context():
                flask_migrate.upgrade()
                world = build()
                COMPILERS[kind] = db.extension.engine
                db.extension.engine._compiled_cache.capacity = 5000  # for all that tests send
                db.session.remove()
                if kind == "sqlite":
                    with closing(db.extension.engine.raw_connection()) as connection:
                        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                db.extension.engine.dispose()
        finally:
            db.time.clock = before
        if kind == "postgresql":
            self.kept = row_snapshots.take(url)
        return (str(path) if kind == "sqlite" else name), world

    def _server(self) -> postgres.Server:
        if self.server is None:
            self.server = postgres.start()
        return self.server


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The databases of this worker; files lie in memory if there is room."""
    parent = memory.find_folder()
    with tempfile.TemporaryDirectory(prefix="portal-databases-", dir=parent) as folder:
        found = Databases(Path(folder))
        yield found
        if found.server is not None:
            found.server.stop()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database; without options, both need the mark `both_databases`."""
    return str(request.param)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands where the world was built, an hour later; `clock.forward(…)` lets it pass."""
    standing = Clock(START)
    standing.forward(hours=1)
    monkeypatch.setattr(db.time, "clock", standing)
    return standing


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings a test wants different: parametrize it directly."""
    return {}


@pytest.fixture
def cast(databases: Databases, kind: str) -> Iterator[tuple[str, World]]:
    url, world = databases.copy(kind)
    yield url, world
    databases.drop(url)


@pytest.fixture
def world(cast: tuple[str, World]) -> World:
    return cast[1]


@pytest.fixture
def app(
    cast: tuple[str, World], clock: Clock, settings: dict[str, str], tmp_path: Path
) -> Iterator[Flask]:
    """The application on a database with the cast, inside its context."""
    is_usual = not settings and Flask.url_rule_class is CachedRule
    make = SHARED_APP.lend if is_usual else make_app
    app = make(cast[0], **{"MAILBOX_DIR": str(tmp_path / "mailbox"), **settings})
    with app.app_context():
        yield app
        db.session.remove()
        if db.extension.engine.pool is not POOLS.get(cast[0]):  # a test may have replaced it
            db.extension.engine.dispose()


@pytest.fixture
def browser(app: Flask) -> Callable[..., Browser]:
    """`browser()` is a fresh anonymous browser, `browser(OLGA)` one in which Olga is signed in."""

    def open_browser(email: str | None = None) -> Any:
        client: FlaskClient = app.test_client()
        if email is not None:
            with app.app_context():
                who = user(email).id
                token = db.write(lambda: identity.open_session(who, user_agent="Browser"))
            with client.session_transaction() as session:
                session["_user_id"] = token
        return client

    return open_browser
