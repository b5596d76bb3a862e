# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which exports an NFS server may have. Pure: no I/O, no clock, no randomness.

PRIVATE, may change at any time.

exports(5) reads a path without clients as "everybody", and a blank before the parenthesis as options for everybody. So
only what is known to be harmless gets into the file.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

# Options of exports(5) that leave Redis its data and its right to write.
OPTIONS = (
    "rw",
    "sync",
    "no_subtree_check",
    "subtree_check",
    "root_squash",
    "no_all_squash",
    "secure",
    "insecure",
    "wdelay",
    "no_wdelay",
    "hide",
    "nohide",
    "crossmnt",
    "secure_locks",
    "auth_nlm",
    "acl",
    "no_acl",
    "security_label",
    "pnfs",
    "no_pnfs",
)
OPTIONS_WITH_VALUE = {
    "sec": re.compile(r"(sys|krb5|krb5i|krb5p)(:(sys|krb5|krb5i|krb5p))*"),
    "xprtsec": re.compile(r"(none|tls|mtls)(:(none|tls|mtls))*"),
    "mp": re.compile(r"/[A-Za-z0-9_.@/-]+"),
    "mountpoint": re.compile(r"/[A-Za-z0-9_.@/-]+"),
}
REFUSED = {
    "no_root_squash": "root of every client would own the data; Redis does not need it, as the directories belong to "
    "its user",
    "async": "writes that Redis acknowledged would be lost when the server stops",
    "ro": "Redis must write",
    "all_squash": "Redis would write as nobody, and the directories belong to its user",
    "insecure_locks": "locks would be given without asking who wants them, and nodes.conf would be used twice",
    "no_auth_nlm": "locks would be given without asking who wants them, and nodes.conf would be used twice",
    "fsid": "one number for all exports is none for each, and fsid=0 would move every path of the server",
}

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.@-]+)+")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_ALLOWED_CLIENTS = "Allowed: IP addresses, networks such as 192.0.2.0/24, and host names."


def export_problems(
    deployments: Iterable[Mapping[str, Any]],
    options: Sequence[str],
    variable: str = "node_nfs_server",
    exporting: bool = True,
) -> list[str]:
    """What is wrong with the exports of a server; with C(exporting) false only what matters to remove them."""
    problems = list(_option_problems(options, f"{variable}_export_options")) if exporting else []
    owners: dict[str, str] = {}
    seen: set[str] = set()
    for number, deployment in enumerate(deployments):
        where = f"{variable}_deployments[{number}]"
        for key in ("name", "namespace"):
            if _NAME.fullmatch(str(deployment.get(key, ""))) is None:
                problems.append(
                    f"{where}.{key} is {deployment.get(key)!r}. Allowed: lower case letters, digits, dashes and dots, "
                    "as in Kubernetes."
                )
        name = f"{deployment.get('namespace')}/{deployment.get('name')}"
        if name in seen:
            problems.append(f"{where} names {name} a second time. Put all of its volumes into one item.")
        seen.add(name)
        clients = deployment.get("clients") or []
        if exporting and not clients:
            problems.append(f"{where}.clients is empty, and exports(5) takes that for everybody. {_ALLOWED_CLIENTS}")
        problems += [text for client in clients if exporting for text in _client_problems(client, f"{where}.clients")]
        for row in deployment.get("volumes") or []:
            problems += _volume_problems(row, f"{where}.volumes")
            owner = owners.setdefault(str(row.get("export")), name)
            if owner != name:
                problems.append(
                    f"{where}.volumes: export {row.get('export')} is also one of {owner}. Give each deployment a "
                    "path of its own."
                )
    return problems


def _option_problems(options: Sequence[str], variable: str) -> Iterator[str]:
    allowed = ", ".join((*OPTIONS, *(f"{name}=..." for name in OPTIONS_WITH_VALUE)))
    for option in options:
        name, has_value, value = str(option).partition("=")
        pattern = OPTIONS_WITH_VALUE.get(name)
        if name in REFUSED:
            yield f"{variable} holds {option}, which is refused: {REFUSED[name]}. Allowed: {allowed}."
        elif pattern is not None and not pattern.fullmatch(value):
            yield f"{variable} holds {option!r}. Allowed: {name}= with a value as in exports(5)."
        elif pattern is None and (name not in OPTIONS or has_value):
            yield f"{variable} holds {option!r}. Allowed: {allowed}."
    if "rw" not in options:
        yield f"{variable} is {', '.join(map(str, options)) or 'empty'} and lacks rw: {REFUSED['ro']}."


def _is_everybody(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(text, strict=False).prefixlen == 0
    return False


def _client_problems(client: Any, variable: str) -> Iterator[str]:
    text = str(client)
    if text == "*" or _is_everybody(text):
        yield f"{variable} holds {text!r}, which is everybody. {_ALLOWED_CLIENTS}"
    elif "/" in text or ":" in text or re.fullmatch(r"[0-9.]+", text):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            hint = ""
            with contextlib.suppress(ValueError):
                hint = f" Did you mean {ipaddress.ip_network(text, strict=False)}?"
            yield f"{variable} holds {text!r}: {error}.{hint} {_ALLOWED_CLIENTS}"
    elif _HOST.fullmatch(text) is None:
        yield f"{variable} holds {text!r}: wildcards and netgroups have no known members. {_ALLOWED_CLIENTS}"


def _volume_problems(row: Mapping[str, Any], variable: str) -> Iterator[str]:
    paths = {key: str(row.get(key, "")) for key in ("path", "export")}
    bad = {key: path for key, path in paths.items() if not _is_path(path)}
    for key, path in bad.items():
        yield (
            f"{variable}: {key} of pod {row.get('pod')} is {path!r}. Allowed: the absolute path of a directory below "
            "/, in letters, digits and _ . @ -, without . and .. as parts."
        )
    if not bad and not (paths["path"] + "/").startswith(paths["export"] + "/"):
        yield (
            f"{variable}: path of pod {row.get('pod')} is {paths['path']}, outside of its export {paths['export']}. "
            "Allowed: the export and directories below it."
        )


def _is_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and not {".", ".."} & set(path.split("/"))
