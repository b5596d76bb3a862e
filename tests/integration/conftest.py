# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server versions as parameters, and the package of the agent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles" / "redis_sentinel" / "files"))


def pytest_generate_tests(metafunc):
    """Server versions as parameters, one test for each.

    ``every_flavor``: in `make test` the newest Redis, which roles take by default; in `make test-all` every version.
    ``newest_flavor``: the newest Redis and the newest Valkey. ``flavor``: every version, also in `make test`.
    """
    # the collection can be imported when pytest-ansible has started, which is later than this file is read
    from ansible_collections.slotwise.redis.tests.integration.farm import flavors, newest  # noqa: PLC0415

    if "flavor" in metafunc.fixturenames:
        metafunc.parametrize("flavor", flavors(), ids=str)
    if "every_flavor" in metafunc.fixturenames:
        usual = newest("redis")
        versions = [pytest.param(f, id=str(f), marks=() if f == usual else pytest.mark.long) for f in flavors()]
        metafunc.parametrize("every_flavor", versions)
    if "newest_flavor" in metafunc.fixturenames:
        metafunc.parametrize("newest_flavor", [newest("redis"), newest("valkey")], ids=str)


@pytest.fixture
def newest_redis():
    from ansible_collections.slotwise.redis.tests.integration.farm import newest  # noqa: PLC0415

    return newest("redis")
