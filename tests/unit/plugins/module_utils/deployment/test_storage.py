# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Descriptions of storage: what is filled in, and what is refused with which words."""

from __future__ import annotations

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.deployment.storage import (
    DEFAULTS,
    TYPES,
    size_bytes,
    storage_problems,
    storage_settings,
)

NFS = {"type": "nfs", "server": "nfs1"}


def settings(**storage):
    return storage_settings(storage, "orders", "shop")


def problems(**storage):
    return storage_problems(settings(**storage), "store")


def test_nothing_is_left_out():
    assert settings().keys() == DEFAULTS.keys()


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_can_be_used_with_its_defaults(kind):
    assert problems(type=kind, server="nfs1") == []


@pytest.mark.parametrize(
    ("kind", "storage_class", "mode"),
    [
        ("local", "shop.orders-local", "ReadWriteOnce"),
        ("hostpath", "shop.orders-hostpath", "ReadWriteOnce"),
        ("nfs", "shop.orders-nfs", "ReadWriteOnce"),
        ("nfs_shared", "shop.orders-nfs-shared", "ReadWriteMany"),
        ("storageclass", "", "ReadWriteOnce"),
        ("emptydir", "", "ReadWriteOnce"),
    ],
)
def test_class_and_access_mode(kind, storage_class, mode):
    found = settings(type=kind)
    assert (found["storage_class"], found["access_mode"]) == (storage_class, mode)
    assert settings(type=kind, storage_class="fast")["storage_class"] == "fast"


def test_mount_options_begin_with_the_version():
    assert settings(**NFS)["mount_options"] == ["nfsvers=4.2", "hard", "timeo=600", "retrans=2"]
    assert settings(**NFS, nfs_version="4.1", mount_options=["noatime"])["mount_options"] == ["nfsvers=4.1", "noatime"]
    assert settings(type="local")["mount_options"] == []


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ({"type": "floppy"}, ["store.type is 'floppy'", "local, hostpath, emptydir"]),
        ({"size": "8"}, ["store.size is '8'", "unit"]),
        ({"path": "srv"}, ["store.path is 'srv'", "absolute"]),
        ({"volumes_per_host": 0}, ["store.volumes_per_host is 0"]),
        ({"reclaim_policy": "Recycle"}, ["'Recycle'", "Retain, Delete", "deprecated"]),
        ({"reclaim_policy": "Keep"}, ["store.reclaim_policy is 'Keep'", "Retain, Delete"]),
        ({**NFS, "reclaim_policy": "Delete"}, ["'Delete'", "Allowed with type nfs: Retain.", "Failed"]),
        ({"type": "hostpath", "reclaim_policy": "Delete"}, ["Allowed with type hostpath: Retain."]),
        ({"access_mode": "ReadWriteMany"}, ["store.access_mode", "Allowed with type local: ReadWriteOnce."]),
        ({**NFS, "access_mode": "ReadOnlyMany"}, ["Allowed with type nfs: ReadWriteOnce, ReadWriteMany."]),
        ({**NFS, "type": "nfs_shared", "access_mode": "ReadWriteOnce"}, ["type nfs_shared: ReadWriteMany."]),
        ({"mount_options": ["hard"]}, ["store.mount_options", "none, leave it out"]),
        ({**NFS, "mount_options": "hard"}, ["store.mount_options is 'hard'", "a list"]),
        ({**NFS, "mount_options": ["soft"]}, ["with soft", "half written"]),
        ({**NFS, "mount_options": ["hard", "softerr"]}, ["with softerr", "half written"]),
        ({**NFS, "mount_options": ["nolock"]}, ["with nolock", "two pods"]),
        ({**NFS, "mount_options": ["hard", "timeo=600", "nolock"]}, ["with nolock", "two pods"]),
        ({**NFS, "type": "nfs_shared", "mount_options": ["nolock"]}, ["with nolock", "two pods"]),
        ({**NFS, "mount_options": ["ro"]}, ["with ro", "has to write"]),
        ({**NFS, "mount_options": ["local_lock=all"]}, ["with local_lock=all", "two pods"]),
        ({**NFS, "mount_options": ["rw,soft"]}, ["with 'rw,soft'", "an item of its own"]),
        ({**NFS, "mount_options": ["vers=3"]}, ["store.nfs_version"]),
        ({**NFS, "mount_options": ["v3"]}, ["store.nfs_version"]),
        ({**NFS, "nfs_version": "3"}, ["store.nfs_version is '3'", "4.0, 4.1, 4.2", "locks"]),
        ({"type": "nfs"}, ["store.server is ''", "nfs_servers"]),
        ({**NFS, "clients": ["*"]}, ["store.clients holds '*'", "192.0.2.0/24"]),
        ({**NFS, "clients": "192.0.2.0/33"}, ["store.clients holds '192.0.2.0/33'"]),
    ],
)
def test_refusals_name_variable_value_and_allowed(storage, words):
    (problem,) = problems(**storage)
    for word in words:
        assert word in problem


@pytest.mark.parametrize(
    ("size", "amount"), [("1Gi", 2**30), ("1G", 10**9), ("0.5Ki", 512), ("1", None), (1, None), ("", None)]
)
def test_sizes(size, amount):
    assert size_bytes(size) == amount
