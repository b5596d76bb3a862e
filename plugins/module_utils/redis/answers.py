# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that servers answer: which pass by themselves, and what to do about those that do not. No I/O."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError
from ansible_collections.slotwise.redis.plugins.module_utils.io.transport import UNASKED, is_lost

PASSING = (
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "NOREPLICAS",
    "READONLY",
    "MOVED",
    "ASK",
    "UNBLOCKED",
    "ERR max number of clients reached",
    # what Twemproxy answers for a server that it cannot reach
    *(f"ERR {os.strerror(number)}" for number in errno.errorcode),
)
"""How answers begin that may be others in a while."""


@dataclass(frozen=True)
class Hopeless:
    """An answer that no waiting changes: ``pattern`` finds it, ``what`` goes on after the name of the server."""

    pattern: str
    what: str
    advice: str


HOPELESS = (
    Hopeless(
        f"without any password configured|no password is set|{UNASKED}",
        "has no password, but one was given",
        "Check that this is the right deployment.",
    ),
    Hopeless(
        "^WRONGPASS|^NOAUTH|invalid password|invalid username-password|Authentication required",
        "does not accept the password",
        "Set login_password, or login_secret to the Secret that the pods mount. Pods keep the password that they "
        "started with.",
    ),
    Hopeless(
        "^NOPERM|has no permissions",
        "does not allow its user a command that is needed",
        "Grant it: for a look at a server PING, INFO, ROLE, CONFIG GET and CLUSTER, to form a cluster CONFIG SET too, "
        "to verify SET, GET, DEL and WAIT on keys slotwise.redis:*.",
    ),
    Hopeless(
        "^DENIED|protected mode",
        "is in protected mode, which lets nobody in from other machines",
        "Give it a password, or set protected-mode to no where a NetworkPolicy protects it.",
    ),
    Hopeless(
        "cluster support disabled",
        "is not in cluster mode",
        "Check that this is the right deployment. A server becomes a node of a Redis Cluster with cluster-enabled yes.",
    ),
    Hopeless(
        "^ERR unknown (sub)?command",
        "does not know a command that is needed",
        "Check that it is a Redis or Valkey server of a supported version, and no Sentinel or proxy, and that "
        "rename-command does not hide the command.",
    ),
    Hopeless(
        "^MISCONF",
        "takes no writes, because it cannot save them to its disk",
        "Look at its log and at the free space of its volume. It takes writes again after a save that succeeds.",
    ),
    Hopeless(
        "^Protocol Error",
        "does not speak the protocol of Redis",
        "Check address and port. TLS, or another program, answers so.",
    ),
)
OTHER = Hopeless("", "answers with an error that waiting does not change", "Look at this server and its log.")


def answer_of(error: Exception) -> str:
    """The error as the server sent it: the text of most exceptions of redis-py lacks its first word."""
    return getattr(error, "answer", None) or str(error)


def is_full(reply: object) -> bool:
    """Whether a write was refused because the memory that the server may use is full. It serves reads all the same."""
    return isinstance(reply, Exception) and bool(re.search("^OOM|used memory > 'maxmemory'", answer_of(reply)))


def known(error: Exception) -> Hopeless | None:
    """What the table says of an answer."""
    text = answer_of(error)
    return next((row for row in HOPELESS if re.search(row.pattern, text)), None)


def hopeless(error: Exception) -> Hopeless | None:
    """Why it makes no sense to ask again, None where it does."""
    found = known(error)
    if found or answer_of(error).startswith(PASSING) or is_lost(error):
        return found
    return OTHER


def explained(reply: object) -> str:
    """A reply that was not expected, with what to do about it where that is known."""
    if not isinstance(reply, Exception):
        return str(reply)
    row = known(reply)
    return f"{answer_of(reply)} ({row.advice})" if row else answer_of(reply)


def refuse_known(replies: Mapping[str, object]) -> None:
    """As below, of replies to a command that may be refused for a reason of its own, which the caller waits out."""
    refuse_hopeless({name: reply for name, reply in replies.items() if isinstance(reply, Exception) and known(reply)})


def refuse_hopeless(errors: Mapping[str, Exception]) -> None:
    """Raise what is wrong with the servers where that does not pass by itself. Others may be waited for."""
    found = {name: (row, error) for name, error in errors.items() if (row := hopeless(error))}
    if not found:
        return
    first, (row, _error) = next(iter(found.items()))
    raise EngineError(
        f"{first} {row.what}.",
        [f"{name}: {answer_of(error)}" for name, (_row, error) in found.items()],
        row.advice,
    )
