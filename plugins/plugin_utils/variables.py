# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that reads the variables of deployments, as Ansible has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from jinja2.exceptions import TemplateError

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.options import FORMER, OPTIONS, SECRET

try:
    from ansible.template import trust_as_template as trusted
except ImportError:  # ansible-core before 2.19 trusts what it loads

    def trusted(value: str) -> str:
        return value


# What templates end with: before ansible-core 2.19 also as it comes from a filter.
UNREADABLE = (AnsibleError, TemplateError, ArithmeticError, LookupError, TypeError, ValueError)
ROLES = Path(__file__).resolve().parents[2] / "roles"


class UnreadableVariable(Exception):
    """Why a variable has no value."""


class Variables:
    """Of one host: those that somebody set, and the defaults of the role for the others."""

    def __init__(self, templar: Templar, given: Mapping[str, Any], whose: str = "") -> None:
        """C(whose) is the name of another host, for messages."""
        self._templar, self._given, self._whose = templar, given, f" of {whose}" if whose else ""

    def options(self, kind: str, only: Iterable[str] = ()) -> dict[str, Any]:
        """By their names with the prefix, and nothing but options. Former names are among them, to be refused."""
        known = {**defaults(kind), **self._given}
        reader = self._templar.copy_with_new_env(available_variables=known)
        names = [f"{kind}_{name}" for name in (only or (*OPTIONS[kind], *FORMER.get(kind, ())))]
        return {name: self._read(reader, name, known[name]) for name in names if name in known}

    def password(self, kind: str) -> str:
        """Empty where none was given."""
        name = f"{kind}_{SECRET}"
        try:
            return str(self._read(self._templar, name, self._given[name]) or "") if name in self._given else ""
        except UnreadableVariable:
            # The reason may have a part of it.
            raise UnreadableVariable(f"{name} cannot be read.") from None

    def names(self, kind: str) -> list[str]:
        """Of all variables with the prefix."""
        return [name for name in self._given if name.startswith(f"{kind}_")]

    def _read(self, reader: Templar, name: str, value: Any) -> Any:
        try:
            return plain(reader.template(value))
        except UNREADABLE as error:
            raise UnreadableVariable(f"{name}{self._whose} cannot be read: {error}") from error


class Inventory(Mapping[str, Mapping[str, Any]]):
    """Hosts by their names, and what the inventory says of each."""

    def __init__(self, hostvars: Any) -> None:
        self._hostvars = hostvars

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        if host not in self._hostvars:
            raise KeyError(host)
        return _Host(host, self._hostvars[host])

    def __iter__(self) -> Iterator[str]:
        return iter(self._hostvars)

    def __len__(self) -> int:
        return len(self._hostvars)

    def variables(self, templar: Templar, host: str) -> Variables:
        """Of a host, as another one reads them."""
        return Variables(templar, {"hostvars": self._hostvars, **self._hostvars.raw_get(host)}, host)


class _Host(Mapping[str, Any]):
    """What the inventory says of a host. What is undefined is not said."""

    def __init__(self, name: str, variables: Mapping[str, Any]) -> None:
        self._name, self._variables = name, variables

    def __getitem__(self, variable: str) -> Any:
        try:
            return plain(self._variables[variable])
        except AnsibleUndefinedVariable:
            raise KeyError(variable) from None
        except KeyError:
            raise
        except UNREADABLE as error:
            raise UnreadableVariable(f"{variable} of {self._name} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@cache
def defaults(kind: str) -> dict[str, Any]:
    """Those of the role, templates included."""
    with (ROLES / kind / "defaults" / "main.yml").open(encoding="utf-8") as file:
        return DataLoader().load(trusted(file.read()))


def plain(value: Any) -> Any:
    """The same without the types of Ansible: they hold templates until somebody looks, and JSON does not know them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
