# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server of a Twemproxy pool has a key, and how many keys another pool would look for elsewhere. Pure.

Each fact names the file of Twemproxy 0.5.0 that it comes from; tests/integration/test_twemproxy.py compares the
results with a running one.

PRIVATE, may change at any time.
"""

from __future__ import annotations

import bisect
import hashlib
import math
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

POINTS_PER_SERVER = 160
POINTS_PER_DIGEST = 4
"""Points of a server of average weight, and how many come from one MD5 (hashkit/nc_ketama.c)."""
CIRCLE = 2**32
TRIES_PER_SERVER = 1000
"""Keys to try for each server until one maps to it. A share far below the average can remain without a key."""


@dataclass(frozen=True)
class Server:
    """One line of ``servers``. The ring knows the name and the weight only, so an address may change."""

    name: str
    weight: int = 1

    @classmethod
    def of(cls, line: str) -> Server:
        """``host:port:weight name``, as in nc_conf.c. A line without a name is not one of ours."""
        address, _space, name = line.partition(" ")
        weight = address.rpartition(":")[2]
        if not name or not weight.isdecimal():
            raise ValueError(f"{line!r} is not host:port:weight name")
        return cls(name, int(weight))


@dataclass(frozen=True)
class Pool:
    """What decides where the keys of a pool are."""

    servers: tuple[Server, ...]
    distribution: str = "ketama"
    hash: str = "fnv1a_64"
    hash_tag: str = ""

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Pool:
        """The pool with these options of nutcracker.yml. Defaults are those of Twemproxy (nc_conf.h)."""
        servers = options["servers"]
        if not isinstance(servers, Sequence):
            raise ValueError(f"servers is {servers!r}. Allowed: a list of host:port:weight name")
        pool = cls(
            tuple(Server.of(str(line)) for line in servers),
            str(options.get("distribution") or "ketama"),
            str(options.get("hash") or "fnv1a_64"),
            str(options.get("hash_tag") or ""),
        )
        if not pool.servers:
            raise ValueError("a pool needs servers")
        if pool.distribution not in DISTRIBUTIONS:
            raise ValueError(f"distribution is {pool.distribution!r}. Known: {', '.join(DISTRIBUTIONS)}")
        if pool.hash not in HASHES:
            raise ValueError(f"hash is {pool.hash!r}. Known: {', '.join(HASHES)}")
        return pool


@dataclass(frozen=True)
class Change:
    """What becomes of the keys of a pool when it is replaced by another one.

    ``share`` of all keys would be looked for on another server. ``exact`` is false where that depends on the keys: the
    share is then what to expect of keys of all kinds.
    """

    share: float
    exact: bool
    before: Mapping[str, float]
    after: Mapping[str, float]


def _signed(key: bytes) -> Iterator[int]:
    """Bytes as C sees them where char is signed, as on x86-64: those above 127 are negative, here in 32 bits."""
    return (byte | 0xFFFFFF00 if byte > 127 else byte for byte in key)


def _fnv1(key: bytes, start: int, prime: int) -> int:
    """Of the 64 bit variants only the lower half is returned, which depends on nothing above it."""
    for byte in _signed(key):
        start = (start * prime % CIRCLE) ^ byte
    return start


def _fnv1a(key: bytes, start: int, prime: int) -> int:
    for byte in _signed(key):
        start = (start ^ byte) * prime % CIRCLE
    return start


def _one_at_a_time(key: bytes) -> int:
    value = 0
    for byte in _signed(key):
        value = (value + byte) * 1025 % CIRCLE
        value ^= value >> 6
    value = value * 9 % CIRCLE
    value ^= value >> 11
    return value * 32769 % CIRCLE


def _md5(key: bytes, part: int = 0) -> int:
    """A quarter of the digest, its lowest byte first."""
    return int.from_bytes(hashlib.md5(key, usedforsecurity=False).digest()[part * 4 : part * 4 + 4], "little")


FNV_64, FNV_32 = (0x84222325, 0x1B3), (0x811C9DC5, 0x01000193)
"""Start and prime (hashkit/nc_fnv.c), those of the 64 bit variants cut to 32 bits."""
HASHES: Mapping[str, Callable[[bytes], int]] = {
    "fnv1a_64": lambda key: _fnv1a(key, *FNV_64),
    "fnv1_64": lambda key: _fnv1(key, *FNV_64),
    "fnv1a_32": lambda key: _fnv1a(key, *FNV_32),
    "fnv1_32": lambda key: _fnv1(key, *FNV_32),
    "md5": _md5,
    "one_at_a_time": _one_at_a_time,
    "crc32a": zlib.crc32,
}
"""Those values of ``hash`` (hashkit/nc_hashkit.h) that are computed here. crc16 and crc32 are none to have: what
they return does not fill 32 bits evenly, so that with ketama few servers get most keys."""


def _single(value: float) -> float:
    """A C float."""
    return struct.unpack("f", struct.pack("f", value))[0]


def _points(servers: Sequence[Server]) -> list[tuple[int, int]]:
    """The ring: (position, index of the server), in order (ketama_update in hashkit/nc_ketama.c)."""
    total = sum(server.weight for server in servers)
    points = []
    for index, server in enumerate(servers):
        part = _single(_single(server.weight) / _single(total))
        # Rounded as there: with some numbers of servers each has four points less.
        digests = _single(_single(_single(part * POINTS_PER_SERVER) / POINTS_PER_DIGEST) * len(servers))
        for digest in range(math.floor(_single(digests + 1e-10))):
            text = f"{server.name}-{digest}".encode()
            points += [(_md5(text, part), index) for part in range(POINTS_PER_DIGEST)]
    return sorted(points)


class Ketama:
    """A key belongs to the first point at or after its hash, behind the last one to the first (ketama_dispatch)."""

    def __init__(self, pool: Pool) -> None:
        self._names = [server.name for server in pool.servers]
        points = _points(pool.servers)
        self.positions = [position for position, _index in points]
        self._owners = [self._names[index] for _position, index in points]

    def owner(self, value: int) -> str:
        return self._owners[bisect.bisect_left(self.positions, value) % len(self._owners)]


class Modula:
    """The remainder of the hash says which server; a server stands in the list as often as it weighs (nc_modula.c)."""

    def __init__(self, pool: Pool) -> None:
        self.names = [server.name for server in pool.servers for _unit in range(server.weight)]

    def owner(self, value: int) -> str:
        return self.names[value % len(self.names)]


DISTRIBUTIONS: Mapping[str, Callable[[Pool], Ketama | Modula]] = {"ketama": Ketama, "modula": Modula}
"""All but random, with which no server has a key."""


def tagged(key: bytes, hash_tag: str) -> bytes:
    """The part of a key that is hashed: from the first opening to the next closing character, unless it is empty.

    server_pool_idx in nc_server.c.
    """
    if not hash_tag:
        return key
    opening, closing = hash_tag.encode()[:1], hash_tag.encode()[1:]
    begin = key.find(opening)
    end = key.find(closing, begin + 1) if begin >= 0 else -1
    return key[begin + 1 : end] if end - begin > 1 else key


class Router:
    """Tells the server of a key. ``server_pool_hash`` in nc_server.c: with one server nothing is hashed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._distribution = DISTRIBUTIONS[pool.distribution](pool)

    def server(self, key: bytes) -> str:
        value = HASHES[self._pool.hash](tagged(key, self._pool.hash_tag)) if len(self._pool.servers) > 1 else 0
        return self._distribution.owner(value)


def keys(pool: Pool, suffix: str) -> dict[str, str]:
    """For each server a key that it has. A server that no key was found for is left out.

    The number that is tried stands first, in a hash tag where there is one, so that nothing else is hashed. Letters
    follow it, as the variants of FNV spread what comes last over few servers only.
    """
    router = Router(pool)
    found: dict[str, str] = {}
    opening, closing = pool.hash_tag[:1], pool.hash_tag[1:]
    for number in range(TRIES_PER_SERVER * len(pool.servers)):
        key = f"{opening}{number}canary{closing}:{suffix}"
        found.setdefault(router.server(key.encode()), key)
        if len(found) == len(pool.servers):
            break
    return {server.name: found[server.name] for server in pool.servers if server.name in found}


def _arcs(*rings: Ketama) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The pieces of the circle on which no ring changes its server: (length, the server in each ring)."""
    positions = sorted({position for ring in rings for position in ring.positions})
    for last, position in zip([positions[-1] - CIRCLE, *positions], positions):
        if position > last:
            yield position - last, tuple(ring.owner(position) for ring in rings)


def shares(pool: Pool) -> dict[str, float]:
    """Server -> share of all keys. Exact for keys whose hashes are spread evenly."""
    if pool.distribution == "modula":
        counts = Counter({server.name: server.weight for server in pool.servers})
    else:
        counts = Counter({server.name: 0 for server in pool.servers})
        for length, (name,) in _arcs(Ketama(pool)):
            counts[name] += length
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def _kept_by_modula(before: Modula, after: Modula) -> float:
    """Share of hashes with the same server in both: those of each residue of the common divisor meet evenly."""
    divisor = math.gcd(len(before.names), len(after.names))
    same = 0
    for residue in range(divisor):
        old, new = Counter(before.names[residue::divisor]), Counter(after.names[residue::divisor])
        same += sum(count * new[name] for name, count in old.items())
    return same * divisor / (len(before.names) * len(after.names))


def ring_change(before: Pool, after: Pool) -> Change:
    """Compare two pools, by the lengths of arcs and not by samples."""
    old, new = shares(before), shares(after)
    same_hash = (before.hash, before.distribution) == (after.hash, after.distribution)
    exact = same_hash and before.hash_tag == after.hash_tag
    if before == after or (len(old) == 1 and old.keys() == new.keys()):
        return Change(0.0, True, old, new)
    if not exact:
        # Two places of a key that do not depend on each other are the same one by chance only.
        return Change(1 - sum(share * new.get(name, 0.0) for name, share in old.items()), False, old, new)
    if before.distribution == "modula":
        return Change(1 - _kept_by_modula(Modula(before), Modula(after)), True, old, new)
    arcs = _arcs(Ketama(before), Ketama(after))
    return Change(sum(length for length, (a, b) in arcs if a != b) / CIRCLE, True, old, new)
