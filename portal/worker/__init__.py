"""The worker: mails, imports, orders and upkeep, in threads by kind of job.

No transaction is open while it talks to the outside. Several workers may run at the same time.
"""

from portal.worker.job_kinds import THREADS
from portal.worker.loop import run, run_next
from portal.worker.upkeep import queue_upkeep
