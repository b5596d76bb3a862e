# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that says whose a directory is.

PRIVATE, may change at any time.

Root reads it in a directory that the user of Redis can write. So it counts only as a small regular file of root, is
opened without following links, and nothing of it is shown that is not a name.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from dataclasses import dataclass
from typing import Any

MARKER = ".slotwise-owner.json"
# A marker that is being written.
NEW_MARKER = MARKER + ".new"
MANAGER = "slotwise.redis"
# Names in a directory that are no data: what a fresh file system has in its root directory, and ours.
NO_DATA = frozenset({"lost+found", MARKER, NEW_MARKER})
# Stands for the pods of a deployment in the marker of a directory that they share.
ALL_PODS = "*"
MAX_BYTES = 4096

_NAME = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.-]{0,252})")


class BadMarker(Exception):
    """A marker that says nothing; the message is what is wrong with it and can be shown."""


@dataclass(frozen=True)
class Owner:
    """Whose a directory is.

    C(incarnation) tells a deployment from an earlier one of the same name, C(kubernetes) is the Kubernetes cluster that
    has its volume. Both are empty where they are not known.
    """

    deployment: str
    namespace: str
    pod: str
    incarnation: str = ""
    kubernetes: str = ""

    def __str__(self) -> str:
        if self.pod == ALL_PODS:
            return f"all pods of deployment {self.deployment} in namespace {self.namespace}"
        return f"pod {self.pod} of deployment {self.deployment} in namespace {self.namespace}"

    def names(self) -> tuple[str, str, str]:
        """The owner without its incarnation."""
        return self.deployment, self.namespace, self.pod

    def text(self) -> str:
        """Content of the marker."""
        known = {key: value for key, value in vars(self).items() if value}
        return json.dumps({"managed_by": MANAGER, **known}, sort_keys=True) + "\n"


def read_regular(directory: int, name: str, limit: int, users: tuple[int, ...] | None = None) -> bytes | None:
    """Up to C(limit) bytes of a regular file in an open directory, None where there is no file.

    C(users) are those whom it may belong to. What is no such file is refused without being waited for.
    """
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadMarker("is a symbolic link") from error
        raise BadMarker(f"cannot be opened ({error.strerror})") from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise BadMarker("is not a regular file")
        if users is not None and status.st_uid not in users:
            raise BadMarker(f"belongs to user {status.st_uid}, and root has to have written it")
        # A file may hand out its content in pieces.
        content = b""
        while len(content) < limit and (piece := os.read(file, limit - len(content))):
            content += piece
        return content
    finally:
        os.close(file)


def read_marker(directory: int) -> Owner | None:
    """Whose an open directory is, None where nobody said."""
    content = read_regular(directory, MARKER, MAX_BYTES + 1, users=(0, os.geteuid()))
    if content is None:
        return None
    if len(content) > MAX_BYTES:
        raise BadMarker(f"is larger than {MAX_BYTES} bytes")
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadMarker("is not JSON") from error
    if not isinstance(found, dict) or found.get("managed_by") != MANAGER:
        raise BadMarker(f"is not one of {MANAGER}")
    return Owner(**{field: _name(found, field) for field in Owner.__dataclass_fields__})


def _name(found: dict[str, Any], field: str) -> str:
    value = found.get(field, "" if field in ("incarnation", "kubernetes") else None)
    if value != "" and not (isinstance(value, str) and _NAME.fullmatch(value)):
        raise BadMarker(f"has no name under {field}")
    return value
