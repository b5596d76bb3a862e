# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the specification of a role says of its variables beside their types: choices, and what mappings may hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import ArgumentValueError, ElementError, RequiredError, UnsupportedError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.slotwise.redis.plugins.plugin_utils.variables import ROLES

TOLD_HERE = (ArgumentValueError, ElementError, RequiredError, UnsupportedError)
"""Other errors are about types, of which C(module_utils/deployment/options.py) tells."""


def spec_problems(kind: str, options: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that the specification does not allow."""
    wanted = _spec(kind)
    errors = ArgumentSpecValidator(wanted).validate({k: v for k, v in options.items() if k in wanted}).errors
    return [_sentence(error) for error in errors if isinstance(error, TOLD_HERE)]


@cache
def _spec(kind: str) -> dict[str, Any]:
    loaded = DataLoader().load_from_file(str(ROLES / kind / "meta" / "argument_specs.yml"))
    return loaded["argument_specs"]["main"]["options"]


def _sentence(error: Exception) -> str:
    text = str(error)
    if isinstance(error, UnsupportedError):
        name, _dot, known = text.partition(". Supported parameters include: ")
        return f"{name.strip()} is no option. Allowed: {known.rstrip('.')}."
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
