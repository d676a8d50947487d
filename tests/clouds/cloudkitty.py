"""A real CloudKitty from PyPI beside a real Keystone, with its data in a real InfluxDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clouds import connect_guide, environments, influxdb
from tests.clouds.keystone import PASSWORD
from tests.support.processes import free_port, read_until, run_program

CONFIG = """[DEFAULT]
use_stderr = false
log_file = {folder}/cloudkitty.log
transport_url = fake://
[database]
connection = sqlite:///{folder}/cloudkitty.db
[storage]
version = 2
backend = influxdb
[storage_influxdb]
database = cloudkitty
host = 127.0.0.1
port = {influxdb}
[collect]
metrics_conf = {folder}/metrics.yml
[oslo_policy]
policy_file = {folder}/policy.yaml
[keystone_authtoken]
auth_type = password
auth_url = {keystone}
username = admin
password = {password}
user_domain_id = default
project_name = admin
project_domain_id = default
"""
METRICS = """metrics:
  cpu:
    alt_name: instance
    unit: instance
    groupby: [id, project_id]
    extra_args: {aggregation_method: mean, resource_type: instance}
  volume.size:
    unit: GiB
    groupby: [id, project_id]
    extra_args: {aggregation_method: mean, resource_type: volume}
"""
POLICY = connect_guide.blocks("yaml")[0]


def _configure(folder: Path, keystone: str, influxdb_port: int) -> None:
    text = CONFIG.format(
        folder=folder, influxdb=influxdb_port, keystone=keystone, password=PASSWORD
    )
    (folder / "cloudkitty.conf").write_text(text)
    (folder / "metrics.yml").write_text(METRICS)
    (folder / "policy.yaml").write_text(POLICY)


def _prepare(folder: Path) -> None:
    programs = environments.CACHE / "cloudkitty" / "bin"
    with influxdb.start(folder) as port:
        _configure(folder, "http://keystone.internal/v3", port)
        config = ["--config-file", folder / "cloudkitty.conf"]
        sync = ["upgrade", "--module", "cloudkitty"]  # those of rating modules fail on SQLite
        environments.run([programs / "cloudkitty-dbsync", *config, *sync])
        environments.run([programs / "cloudkitty-storage-init", *config])


@contextmanager
def start(folder: Path, keystone: str) -> Iterator[str]:
    """Run CloudKitty on a copy of the template in `folder`; gives its address. Raises
    environments.Unavailable."""
    with environments.locked():
        programs = environments.install("cloudkitty")
        influxdb.install()
        made_of = environments.requirements("cloudkitty") + Path(__file__).read_text()
        original = environments.template("cloudkitty", made_of, _prepare)
        shutil.copytree(original, folder, dirs_exist_ok=True)
    with influxdb.start(folder) as influxdb_port:
        _configure(folder, keystone, influxdb_port)
        port = free_port()
        server = environments.HERE / "cloudkitty_server.py"
        command = [str(programs / "python"), "-P", str(server), str(folder), str(port)]
        with run_program(command, {"PATH": os.environ["PATH"]}) as program:
            read_until(program.stdout, "ready\n")
            yield f"http://127.0.0.1:{port}"
