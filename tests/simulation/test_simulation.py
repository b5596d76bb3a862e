# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing promised is lost, whatever happens in which order. A failing seed replays:
python -m tests.simulation --seed N --trace
"""

from __future__ import annotations

import pytest

from tests.simulation.mutations import NOTICED, caught_by
from tests.simulation.run import simulate

CHUNK = 25
SEEDS = 400
LONG_SEEDS = 10000


def failures(first: int) -> dict[int, str]:
    results = [simulate(seed) for seed in range(first, first + CHUNK)]
    return {result.seed: result.violations[0] for result in results if result.violations}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds(first):
    assert failures(first) == {}


@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, LONG_SEEDS, CHUNK))
def test_more_seeds(first):
    assert failures(first) == {}


@pytest.mark.parametrize("seed", [3, 29])
def test_a_seed_replays(seed):
    traces: list[list[str]] = [[], []]
    for trace in traces:
        simulate(seed, trace.append)
    assert len(traces[0]) > 50
    assert traces[0] == traces[1]


# Those that some early seed notices; the others take longer.
QUICK = ("labels without stamps", "no gate", "keeps nothing")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in NOTICED]
)
def test_a_broken_agent_is_caught(name):
    seed, _what = caught_by(name)
    assert seed >= 0
