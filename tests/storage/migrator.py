"""A process that migrates and prints what it applied: `python -m tests.storage.migrator URL [SOURCE]`."""

from __future__ import annotations

import sys

from storage.db.address import parse_address
from storage.db.schema import SOURCE, migrate

print(*migrate(parse_address(sys.argv[1]), *sys.argv[2:3] or [SOURCE]), flush=True)
