# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of every kind of deployment with their types, and what becomes of text where another type is meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_EVERY_KIND = {
    **dict.fromkeys(("state", "name", "namespace", "kubeconfig", "context", "transport"), str),
    **dict.fromkeys(("image", "image_pull_policy", "existing_secret", "existing_secret_key", "priority_class"), str),
    **dict.fromkeys(("service_type", "service_load_balancer_class", "service_external_traffic_policy"), str),
    **dict.fromkeys(("create_namespace", "network_policy_enabled", "verify_enabled", "notes_enabled"), bool),
    **dict.fromkeys(("timeout", "max_unavailable", "service_node_port"), int),
    **dict.fromkeys(("image_pull_secrets", "tolerations", "topology_spread_constraints"), list),
    **dict.fromkeys(("service_source_ranges", "network_policy_clients"), list),
    **dict.fromkeys(("resources", "node_selector", "affinity", "pod_labels", "pod_annotations"), dict),
    **dict.fromkeys(("labels", "annotations", "service_annotations"), dict),
}
_SERVERS = {
    **_EVERY_KIND,
    **dict.fromkeys(("dns_server", "cluster_domain"), str),
    **dict.fromkeys(("auth_enabled", "delete_data"), bool),
    **dict.fromkeys(("termination_grace_period", "startup_seconds"), int),
    **dict.fromkeys(("storage", "config"), dict),
    "config_known": list,
}
OPTIONS: dict[str, dict[str, type]] = {
    "redis_cluster": {**_SERVERS, "shards": int, "replicas": int},
    "redis_sentinel": {
        **_SERVERS,
        **dict.fromkeys(("servers", "sentinels", "quorum", "parallel_syncs", "election_seconds", "kept_copies"), int),
        **dict.fromkeys(("down_after_milliseconds", "failover_timeout_milliseconds"), int),
        **dict.fromkeys(("master_name", "unknown_master", "decided_master", "agent_image"), str),
        **dict.fromkeys(("sentinel_resources", "agent_resources"), dict),
        **dict.fromkeys(("service_account_create", "role_create", "role_binding_create"), bool),
        **dict.fromkeys(("service_account_name", "role_name", "role_binding_name"), str),
    },
    "redis_standalone": {**_SERVERS, "instances": int, "allow_data_loss": bool},
    "twemproxy": {
        **_EVERY_KIND,
        **dict.fromkeys(("replicas", "drain_seconds"), int),
        **dict.fromkeys(("autoscaled", "allow_remapping"), bool),
        "backends": object,
        "pool": dict,
        "network_policy_stats_clients": list,
    },
}
"""Kind: name of each option and its type; C(object) is taken as it is."""
FORMER = {"redis_sentinel": {"labeller_image": "agent_image", "labeller_resources": "agent_resources"}}
"""Kind: options that have another name now. They are refused, as nothing would come of them."""
SECRET = "password"
"""An option that is in no value."""
FREE = "custom_"
"""Variables that begin with the name of the kind and this are the user's own."""
_NEAR = 0.8
"""How much of a name has to be that of an option to be taken for it misspelt: a letter or two are wrong."""

_NUMBER = re.compile("[+-]?[0-9]+")
_TRUE, _FALSE = ("yes", "on", "1", "true", "y", "t"), ("no", "off", "0", "false", "n", "f", "")


def convert(kind: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The options of this kind among what is given, and a sentence for each that cannot be converted.

    What comes nearest to that has its place among the options, so that everything else can be checked too.
    """
    options: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, wanted in OPTIONS[kind].items():
        variable = f"{kind}_{name}"
        if variable not in given:
            continue
        try:
            options[name] = _convert(variable, given[variable], wanted)
        except ValueError as error:
            faults[name] = str(error)
            options[name] = number(given[variable]) if wanted is int else wanted()
    return options, faults


def strangers(kind: str, variables: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Variables with the prefix of the kind that are no options of it: misspelt ones with what is meant, and others."""
    known = [*OPTIONS[kind], SECRET, *FORMER.get(kind, ())]
    misspelt, others = {}, []
    for variable in sorted(variables):
        name = variable.removeprefix(f"{kind}_")
        if name == variable or name in known or name.startswith(FREE):
            continue
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=_NEAR)
        if near:
            misspelt[variable] = f"{kind}_{near[0]}"
        else:
            others.append(variable)
    return misspelt, others


def number(value: Any) -> int:
    """A value as a whole number, without what follows its point; 0 where it is no number."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def truth(value: Any) -> bool:
    """Whether a value means true."""
    return str(value).strip().lower() in _TRUE


def _convert(variable: str, value: Any, wanted: type) -> Any:
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    if value is None and wanted in (str, list, dict):
        # What is left empty in YAML.
        return wanted()
    if wanted is bool:
        if str(value).strip().lower() not in _TRUE + _FALSE:
            raise ValueError(f"{variable} is {value}. Allowed: true or false.")
        return truth(value)
    if wanted is int:
        word = "" if isinstance(value, bool) else str(value).strip()
        if not _NUMBER.fullmatch(word):
            raise ValueError(f"{variable} is {value}. Allowed: a whole number.")
        return int(word)
    if wanted is list and isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    if wanted is dict and isinstance(value, Mapping):
        return dict(value)
    if wanted is str:
        return str(value)
    raise ValueError(f"{variable} is {value}. Allowed: a {'list' if wanted is list else 'mapping'}.")
