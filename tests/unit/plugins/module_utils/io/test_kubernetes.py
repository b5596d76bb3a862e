# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the server of a pod does not run."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from kubernetes import client

from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import _waiting

ENDED = client.V1ContainerState(terminated=client.V1ContainerStateTerminated(exit_code=78, message="set it to y\n"))
CRASHED = client.V1ContainerState(terminated=client.V1ContainerStateTerminated(exit_code=1))
BACK_OFF = client.V1ContainerState(waiting=client.V1ContainerStateWaiting(reason="CrashLoopBackOff"))
RUNS = client.V1ContainerState(running=client.V1ContainerStateRunning())
NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)
NOTHING = client.V1ContainerState()


def pod(state=RUNS, last=NOTHING, **metadata):
    container = client.V1ContainerStatus(
        name="redis", ready=False, restart_count=1, image="i", image_id="i", state=state, last_state=last
    )
    status = client.V1PodStatus(pod_ip="10.0.0.1", phase="Running", container_statuses=[container])
    return client.V1Pod(metadata=client.V1ObjectMeta(name="orders-0", **metadata), status=status)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (pod(), ""),
        (pod(ENDED), "refuses to start: set it to y"),
        (pod(BACK_OFF, ENDED), "refuses to start: set it to y"),
        # It tries again: the answer of DNS may have been lost.
        (pod(RUNS, ENDED), ""),
        (pod(BACK_OFF, CRASHED), "redis waits: CrashLoopBackOff"),
        (pod(CRASHED), "redis ended with exit code 1"),
        (pod(deletion_timestamp=NOW), "is terminating"),
        (pod(deletion_timestamp=NOW, finalizers=["a/b", "c/d"]), "is terminating, held by a/b, c/d"),
    ],
)
def test_why_a_server_does_not_run(seen, reason):
    assert _waiting(seen) == reason
