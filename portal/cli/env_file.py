"""Files of settings: written at once and readable for their owner alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from dotenv import dotenv_values


def read(path: Path) -> dict[str, str]:
    """Return the settings in the file that have a value; none if there is no file."""
    return {name: value for name, value in dotenv_values(path).items() if value}


@contextmanager
def replaced(path: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """Write the settings beside the file, and replace it with them if the block succeeds.

    Raises click.ClickException if they can't be written.
    """
    new = path.with_name(path.name + ".new")
    try:
        _write_new(new, settings)
        yield
        new.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}.") from error
    finally:
        new.unlink(missing_ok=True)


def _write_new(path: Path, settings: Mapping[str, str]) -> None:
    path.unlink(missing_ok=True)  # a leftover may be readable for others, or be a link
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        for name, value in settings.items():
            quoted = re.sub(r"(['\\])", r"\\\1", value)
            file.write(f"{name}='{quoted}'\n")
