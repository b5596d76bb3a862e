# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pod DNS name -> address, by the system's resolver or a given DNS server."""

from __future__ import annotations

import ipaddress
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError

try:
    import dns.exception
    import dns.resolver

    DNS_TRACEBACK = None
except ImportError:
    DNS_TRACEBACK = traceback.format_exc()

QUERY_SECONDS = 3.0


def require_dns(module: AnsibleModule) -> None:
    """Fail with Ansible's usual text where dnspython is missing."""
    if DNS_TRACEBACK:
        module.fail_json(msg=missing_required_lib("dnspython"), exception=DNS_TRACEBACK)


class Resolver:
    """Asks for A and AAAA records, all names at once."""

    def __init__(self, server: str | None = None) -> None:
        self._resolver = dns.resolver.Resolver(configure=not server)
        if server:
            address, self._resolver.port = _address_and_port(server)
            self._resolver.nameservers = [address]
        self._resolver.lifetime = QUERY_SECONDS
        self.server = server or ", ".join(str(n) for n in self._resolver.nameservers)

    def addresses(self, names: Sequence[str]) -> dict[str, list[str] | str]:
        """{name: its addresses, or a text that says why there are none}."""
        with ThreadPoolExecutor(min(16, max(1, len(names)))) as pool:
            return dict(zip(names, pool.map(self._one, names)))

    def _one(self, name: str) -> list[str] | str:
        try:
            answer = self._resolver.resolve_name(name + "." if not name.endswith(".") else name)
            return sorted(answer.addresses())
        except dns.exception.DNSException as error:
            return str(error)


def _address_and_port(server: str) -> tuple[str, int]:
    """10.96.0.10, 10.96.0.10:5353, fd00::10 or [fd00::10]:5353."""
    host, port = server, "53"
    if server.startswith("[") or server.count(":") == 1:
        host, _colon, port = server.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    try:
        number = int(port)
        if not 0 < number < 65536:
            raise ValueError(port)
        return str(ipaddress.ip_address(host)), number
    except ValueError as error:
        raise EngineError(
            f"dns_server is {server!r}: write an address, or address:port, such as 10.96.0.10 or [fd00::10]:53."
        ) from error


def disagreements(answers: Mapping[str, list[str] | str], expected: Mapping[str, str]) -> list[str]:
    """Names whose DNS answer is not the address that the Kubernetes API gives for the pod. Pure."""
    found = []
    for name, address in expected.items():
        answer = answers[name]
        if isinstance(answer, str):
            found.append(f"{name} does not resolve: {answer}")
        elif address not in answer:
            found.append(f"{name} resolves to {', '.join(answer)}, the pod has {address}: a stale record")
    return found
