# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed test shows: short, because the logs of a test run elsewhere are all that is left of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from slotwise_lab import handle

# A block of the output of ansible-playbook that is worth reading.
TELLING = re.compile(r"^(?:fatal|failed|changed|unreachable):|^\[(?:ERROR|WARNING)\]", re.MULTILINE)
BLOCK_LINES, LOG_LINES, EVENTS = 25, 4, 3


def in_short(output: str) -> str:
    """The tasks of a run of ansible-playbook that failed, changed or warned, and the recap."""
    tasks, _play_recap, recap = output.partition("\nPLAY RECAP")
    blocks = [block.rstrip() for block in re.split(r"\n(?=TASK |PLAY )", tasks) if TELLING.search(block)]
    cut = ["\n".join(block.splitlines()[:BLOCK_LINES]) for block in blocks]
    return "\n".join([*cut, f"RECAP{recap.rstrip()}"])


def on_the_lab() -> str:
    """Machines and pods that are not ready, why, what they logged last, and the latest warnings about them."""
    lines = [*_nodes(), *_pods()]
    return "\n".join(["not ready on the lab:", *(lines or ["  nothing"])])


def _listed(*what: str) -> list[dict]:
    done = handle.kubectl("get", *what, "-o", "json", check=False)
    return json.loads(done.stdout)["items"] if done.returncode == 0 else []


def is_ready(item: Mapping) -> bool:
    """Whether a pod or a machine is ready, and does not go."""
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", []))
    return ready and not item["metadata"].get("deletionTimestamp")


def _nodes() -> Iterator[str]:
    for node in _listed("nodes"):
        if not is_ready(node):
            yield f"  machine {node['metadata']['name']}: {_reasons(node)}"


def _reasons(item: Mapping) -> str:
    conditions = [c for c in item["status"].get("conditions", []) if c["status"] != "True" and c.get("message")]
    return "; ".join(dict.fromkeys(c["message"] for c in conditions))


def _pods() -> Iterator[str]:
    warnings: dict[str, list[str]] = {}
    for event in _listed("events", "-A", "--field-selector", "type=Warning", "--sort-by=.lastTimestamp"):
        text = f"{event.get('lastTimestamp')} {event['reason']}: {event.get('message', '').strip()}"
        warnings.setdefault(event["involvedObject"].get("uid", ""), []).append(text)
    for pod in _listed("pods", "-A"):
        about = pod["metadata"]
        if is_ready(pod):
            continue
        going = ", goes" if about.get("deletionTimestamp") else ""
        machine = pod["spec"].get("nodeName", "no machine")
        yield f"  pod {about['namespace']}/{about['name']} on {machine}{going}: {_reasons(pod)}"
        for container in pod["status"].get("containerStatuses", []):
            states = {"now": container["state"], "before": container.get("lastState", {})}
            yield f"    {container['name']}, started again {container['restartCount']} times: {json.dumps(states)}"
            logged = handle.kubectl(
                *("-n", about["namespace"], "logs", about["name"], "-c", container["name"], f"--tail={LOG_LINES}"),
                check=False,
            )
            yield from (f"      {line}" for line in logged.stdout.splitlines())
        yield from (f"    {text}" for text in warnings.get(about["uid"], [])[-EVENTS:])
