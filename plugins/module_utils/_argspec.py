# Copyright: (c) 2026, slotwise.redis contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules share; their documentation is in the files of doc_fragments named after them."""

from __future__ import annotations

KUBERNETES = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
}

SERVERS = {
    **KUBERNETES,
    "namespace": {"type": "str"},
    "name": {"type": "str"},
    "service": {"type": "str"},
    "cluster_domain": {"type": "str", "default": "cluster.local"},
    "nodes": {"type": "list", "elements": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_secret": {"type": "str", "no_log": False},
    "login_secret_key": {"type": "str", "default": "password", "no_log": False},
    "transport": {"type": "str", "default": "auto", "choices": ["auto", "direct", "port_forward"]},
    "dns_server": {"type": "str"},
    "timeout": {"type": "int", "default": 300},
}

CLUSTER = {
    **SERVERS,
    "shards": {"type": "int", "default": 3},
    "replicas": {"type": "int", "default": 1},
}

SENTINEL = {
    **SERVERS,
    "master_name": {"type": "str"},
    "servers": {"type": "int", "default": 3},
    "sentinels": {"type": "int", "default": 3},
}

LEASE = {
    "keep_lease": {"type": "bool", "default": False},
    "keep_lease_for": {"type": "int"},
}

PROGRESS = {"progress_file": {"type": "path"}}

CONSTRAINTS = {
    "required_one_of": [("name", "nodes")],
    "mutually_exclusive": [("name", "nodes"), ("login_password", "login_secret")],
    "required_by": {"name": ("namespace",), "login_secret": ("name",)},
}
