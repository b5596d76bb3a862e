# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nfs_probe without a server: its messages, and its work in a real directory. tests/e2e has the real exports."""

from __future__ import annotations

import errno
import os
import pathlib
import socket
import time

import pytest

from ansible_collections.slotwise.redis.plugins.module_utils.machines import nfs
from ansible_collections.slotwise.redis.plugins.modules import nfs_probe

EXPORT = "/srv/nfs/shop.orders-0"
REAL_HIDE_MOUNTS = nfs_probe.hide_mounts
OWN = "192.0.2.21"
TARGET = nfs.Target("192.0.2.7", EXPORT, 999, 999, ("nfsvers=4.1",))
HERE = nfs.Listing({EXPORT: [OWN], "/srv/other": ["*"]})
ELSEWHERE = nfs.Listing({EXPORT: ["192.0.2.9", "198.51.100.0/24"]})
SILENT = nfs.Listing(None, "clnt_create: RPC: Program not registered")
DENIED = f"mount.nfs: access denied by server while mounting 192.0.2.7:{EXPORT}\n"
MISSING = f"mount.nfs: mounting 192.0.2.7:{EXPORT} failed, reason given by server: No such file or directory\n"

# what mount.nfs said, what showmount listed -> reason, words of the message
MOUNTS = [
    ("mount.nfs: Connection timed out", HERE, "unreachable", "the mount got no answer (mount.nfs: Conn"),
    ("mount timed out after 15 s", SILENT, "unreachable", "accepts connections on TCP port 2049, and still"),
    ("mount.nfs: Connection refused", HERE, "unreachable", "rpcbind (111) and mountd"),
    ("mount.nfs: mount system call failed", SILENT, "unreachable", "at exportfs -v on the server for this machine"),
    ("mount timed out after 15 s", ELSEWHERE, "not_exported", "Add this machine to the clients of the export"),
    ("mount.nfs: No such device", HERE, "no_kernel_client", "the kernel of this machine (6.1.0) has no NFS client"),
    ("mount: unknown filesystem type 'nfs'", HERE, "no_kernel_client", "modprobe nfsv4"),
    (DENIED, ELSEWHERE, "not_exported", f"192.0.2.7 lists {EXPORT} for 192.0.2.9, 198.51.100.0/24."),
    (MISSING, ELSEWHERE, "not_exported", "Add this machine to the clients of the export"),
    (DENIED, nfs.Listing({EXPORT: ["node1.lab"]}), "not_exported", f"lists {EXPORT} for node1.lab"),
    ("Made /run/rpc-statd\n" + DENIED, ELSEWHERE, "not_exported", "not exported to this machine (192"),
    (DENIED, SILENT, "not_exported", "cannot tell: clnt_create: RPC: Program not registered"),
    (MISSING, nfs.Listing({"/srv/b": ["*"], "/srv/a": ["*"]}), "no_export", "-e 192.0.2.7 lists /srv/a, /srv/b."),
    (MISSING, nfs.Listing({}), "no_export", "lists nothing. Correct the path"),
    (MISSING, HERE, "no_directory", f"{EXPORT} is exported to this machine (192.0.2.21), and still mount.nfs said"),
    (DENIED, nfs.Listing({"/srv/nfs": ["192.0.2.0/24"]}), "no_directory", "/srv/nfs is exported to this machine"),
    ("mount.nfs: rpc.statd is not running but is required", HERE, "lock_refused", "rpc.statd on both"),
    ("mount.nfs: an incorrect mount option was specified", HERE, "bad_options", "options nfsvers=4.1 are not"),
    ("mount.nfs: Protocol not supported", HERE, "no_version", "/proc/fs/nfsd/versions"),
    ("mount.nfs: something new", HERE, "mount_failed", "cannot be mounted; mount.nfs said: mount.nfs: something new."),
]  # fmt: skip


@pytest.mark.parametrize(("said", "listing", "reason", "words"), MOUNTS)
def test_mount_messages(said, listing, reason, words):
    problem = nfs.mount_problem(TARGET, said, listing, OWN, "6.1.0")
    assert problem.reason == reason, problem.message
    assert words in problem.message
    assert problem.message.startswith(f"192.0.2.7:{EXPORT} for uid 999: ")


OWNED, ROOT, OTHER = (999, 999, 0o550), (0, 0, 0o755), (1000, 1000, 0o755)
# errno, step, owner and mode of the directory -> reason, words of the message
FILES = [
    (errno.EACCES, "create", OTHER, "wrong_owner", "belongs to 1000:1000 with mode 0755, another user's"),
    (errno.EACCES, "create", OTHER, "wrong_owner", f"On the server: chown 999:999 {EXPORT}"),
    (errno.EACCES, "create", ROOT, "root_owned", "the server maps root to nobody (root_squash, as it should)"),
    (errno.EACCES, "create", OWNED, "not_writable", "with mode 0550, which does not let its owner write"),
    (errno.EACCES, "create", None, "not_writable", f"a directory above it, from {EXPORT} on, is not searchable"),
    (errno.EROFS, "create", OWNED, "read_only", f"{EXPORT} is exported read-only (Read-only file system). Redis must"),
    (errno.ENOSPC, "fsync", OWNED, "full", "No space left on device at the step fsync, 4096 bytes are free"),
    (errno.EDQUOT, "close", OWNED, "full", "raise the quota of uid 999"),
    (errno.ENOLCK, "lock", OWNED, "lock_refused", f"No locks available in {EXPORT}"),
    (errno.EIO, "lock", OWNED, "lock_refused", "Use NFS version 4, which locks over port 2049"),
    (errno.ENOENT, "create", None, "no_directory", "Make it there, owned by 999:999"),
    (errno.ESTALE, "write", OWNED, "no_directory", "exportfs -ra"),
    (errno.EIO, "fsync", OWNED, "unreachable", "does not answer on TCP port 2049 at the step fsync"),
    (errno.EFBIG, "write", OWNED, "failed", "File too large at the step write"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "step", "status", "reason", "words"), FILES)
def test_file_messages(code, step, status, reason, words):
    facts = {"errno": code, "step": step, "path": EXPORT, "status": status, "root_writes": False, "free_bytes": 4096}
    problem = nfs.file_problem(TARGET, facts)
    assert problem.reason == reason, problem.message
    assert words in problem.message
    assert problem.message.startswith(f"192.0.2.7:{EXPORT} for uid 999: ")


def test_variants_of_file_messages():
    facts = {"errno": errno.EROFS, "step": "create", "path": EXPORT, "status": None, "free_bytes": None}
    read_only = nfs.Target("192.0.2.7", EXPORT, 999, 999, ("ro",))
    assert "was mounted with the option ro" in nfs.file_problem(read_only, facts).message
    assert "bytes are free" not in nfs.file_problem(TARGET, {**facts, "errno": errno.ENOSPC}).message
    open_root = {**facts, "errno": errno.EACCES, "status": ROOT, "root_writes": True}
    assert "root is not squashed" in nfs.file_problem(TARGET, open_root).message


def test_target():
    assert nfs.Target("2001:db8::7", "/srv", 1, 1).source == "[2001:db8::7]:/srv"
    assert TARGET.port == 2049
    assert nfs.Target("nas", "/srv", 1, 1, ("port=20049", "nfsvers=4")).port == 20049


def test_versions():
    probing = "fg,soft,timeo=50,retrans=1,retry=0"
    assert TARGET.attempts == [f"nfsvers=4.1,{probing}"]
    assert nfs.Target("nas", "/srv", 1, 1, ("hard",)).attempts == [
        f"hard,nfsvers=4,{probing}",
        f"hard,nfsvers=3,{probing}",
    ]
    for option in ("vers=3", "v4", "v4.2"):
        assert len(nfs.Target("nas", "/srv", 1, 1, (option,)).attempts) == 1


def test_parse_showmount():
    text = "/srv/nfs/shop.orders-0 192.0.2.9,198.51.100.0/24\n/srv/with blank  (everyone)\n\n"
    assert nfs.parse_showmount(text) == {EXPORT: ["192.0.2.9", "198.51.100.0/24"], "/srv/with blank": ["(everyone)"]}


@pytest.mark.parametrize(
    ("clients", "listed"),
    [
        (["192.0.2.21"], True),
        (["192.0.2.0/24"], True),
        (["192.0.2.0/255.255.255.0"], True),
        (["node1", "*"], True),
        (["(everyone)"], True),
        (["node1"], None),
        (["192.0.2.2", "2001:db8::/64"], False),
        ([], False),
    ],
)
def test_listed_for(clients, listed):
    assert nfs.listed_for(OWN, clients) is listed


@pytest.mark.parametrize(("size", "count"), [("8Gi", 8 << 30), ("1.5Mi", 3 << 19), ("2M", 2_000_000), ("7", 7)])
def test_size(size, count):
    assert nfs.size_in_bytes(size) == count


def test_less_room_than_promised():
    used = {"free_bytes": 600, "used_bytes": 424}
    assert nfs.small_warning(TARGET, "1Ki", used) is None
    assert "promises 1Ki, and the server has 599 bytes free" in nfs.small_warning(
        TARGET, "1Ki", {**used, "free_bytes": 599}
    )


def test_summary():
    assert nfs.summary([0.003, 0.001, 0.002, 0.1]) == (2.0, 100.0)
    assert nfs.summary([0.0015]) == (1.5, 1.5)


MOUNT = {
    "name": "orders",
    "namespace": "shop",
    "server": "192.0.2.7",
    "export": EXPORT,
    "paths": [],
    "size": None,
    "mount_options": [],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"server": "a:b c"}, "server is 'a:b c'. Allowed: an address or a host name."),
        ({"server": "-o"}, "server is '-o'"),
        ({"export": "srv"}, "'srv' is no absolute path"),
        ({"paths": ["/srv/nfs/shop.orders-0/../x"]}, "without . and .. in them"),
        ({"paths": ["/srv/nfs/shop.orders-01"]}, f"lies outside of export {EXPORT}"),
        ({"mount_options": ["hard,nfsvers=4.1"]}, "mount_options holds 'hard,nfsvers=4.1'. Allowed: one option"),
        ({"size": "8Gb"}, "size is '8Gb'. Allowed: a number followed by"),
    ],
)
def test_bad_mounts(change, words):
    (problem,) = nfs.bad_mount({**MOUNT, **change})
    assert problem.startswith("mounts of shop/orders: ")
    assert words in problem


def test_good_mounts():
    good = {"paths": [EXPORT, EXPORT + "/orders-0"], "mount_options": ["hard", "nfsvers=4.1"], "size": "8Gi"}
    assert nfs.bad_mount({**MOUNT, **good}) == []
    assert nfs.bad_mount({**MOUNT, "server": "2001:db8::7"}) == []


def test_exercise_leaves_nothing(tmp_path):
    times = nfs_probe.exercise(str(tmp_path), EXPORT, 5)
    assert len(times) == 5
    assert list(tmp_path.iterdir()) == []


def test_exercise_names_the_step(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(nfs_probe.os, "fsync", refuse)
    with pytest.raises(nfs_probe.Failed) as failed:
        nfs_probe.exercise(str(tmp_path), EXPORT, 5)
    assert failed.value.facts == {"step": "fsync", "path": EXPORT, "errno": errno.ENOSPC}
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(nfs_probe.Failed) as failed:
        nfs_probe.exercise(str(tmp_path / "gone"), EXPORT, 5)
    assert failed.value.facts["step"] == "create"


def test_place():
    assert nfs_probe.place_of(TARGET, "/tmp/x", EXPORT) == "/tmp/x"
    assert nfs_probe.place_of(TARGET, "/tmp/x", EXPORT + "/orders-1") == "/tmp/x/orders-1"


@pytest.fixture
def programs(monkeypatch, tmp_path):
    """Puts stand-ins for the programs of nfs-common in place."""

    def put(**scripts):
        for name, text in scripts.items():
            path = tmp_path / name.replace("_", ".")
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)

    tools = f"{tmp_path}:/bin:/usr/bin"
    mounts = tmp_path / "mounts"
    mounts.mkdir()
    monkeypatch.setattr(nfs_probe, "TOOLS", tools)
    monkeypatch.setattr(nfs_probe, "ENVIRONMENT", {**os.environ, "PATH": tools, "SHARE": str(tmp_path / "share")})
    monkeypatch.setattr(nfs_probe, "FOLDER", str(mounts))
    # A namespace needs root, and these tests mount nothing.
    monkeypatch.setattr(nfs_probe, "hide_mounts", lambda: None)
    yield put
    assert list(mounts.iterdir()) == []


def run(warn=print, user=None, **changes):
    """Probe an export of a server that listens and says nothing."""
    uid, gid = user or (os.getuid(), os.getgid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        entry = {**MOUNT, "server": "127.0.0.1", "mount_options": [f"port={port}"], **changes}
        result = nfs_probe.run({"mounts": [entry], "uid": uid, "gid": gid, "timeout": 1}, warn)
    assert result["changed"] is False
    return result


def test_no_program(programs):
    (problem,) = run()["problems"]
    assert problem["reason"] == "missing_client"
    assert "node_prereqs_nfs_client=true" in problem["message"]
    assert (problem["name"], problem["namespace"], problem["export"]) == ("orders", "shop", EXPORT)


def test_nobody_listens(programs):
    programs(mount_nfs="exit 1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (problem,) = run(mount_options=[f"port={port}"])["problems"]
    assert problem["reason"] == "unreachable"
    assert f"does not answer on TCP port {port} (Connection refused)" in problem["message"]


def test_server_refuses(programs):
    programs(mount_nfs="echo mount.nfs: access denied by server; exit 32", showmount=f"echo '{EXPORT}  192.0.2.9'")
    (problem,) = run()["problems"]
    assert problem["reason"] == "not_exported"
    assert f"not exported to this machine (127.0.0.1); showmount -e 127.0.0.1 lists {EXPORT}" in problem["message"]


def test_versions_in_turn(programs, tmp_path):
    programs(
        mount_nfs=f"echo $5 >>{tmp_path}/tried; echo mount.nfs: Protocol not supported; exit 32", showmount="exit 1"
    )
    (problem,) = run()["problems"]
    assert problem["reason"] == "no_version"
    assert ["nfsvers=4" in line for line in (tmp_path / "tried").read_text().splitlines()] == [True, False]


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo no portmapper >&2; exit 1", "no portmapper"), ("exec sleep 100", "no answer within 1 s")],
)
def test_server_does_not_list(programs, script, words):
    programs(mount_nfs="echo mount.nfs: access denied by server; exit 32", showmount=script)
    (problem,) = run()["problems"]
    assert f"showmount -e 127.0.0.1 cannot tell: {words}." in problem["message"]


def test_mount_that_hangs(programs):
    programs(mount_nfs="exec sleep 100", showmount="exit 1")
    begin = time.monotonic()
    (problem,) = run()["problems"]
    assert problem["reason"] == "unreachable"
    assert "mount timed out after 1 s" in problem["message"]
    assert time.monotonic() - begin < 30


def test_work_that_hangs(programs, monkeypatch):
    programs(mount_nfs="exit 0")
    monkeypatch.setattr(nfs_probe, "WORK_SECONDS", 1)
    monkeypatch.setattr(nfs_probe, "work", lambda *_: time.sleep(100))
    (problem,) = run()["problems"]
    assert problem["reason"] == "too_slow"
    assert "the step mount did not end within 1 s" in problem["message"]


def test_the_probe_itself_breaks(programs, monkeypatch):
    def refuse():
        raise OSError(errno.EPERM, "cannot make a mount namespace: Operation not permitted")

    programs(mount_nfs="exit 0")
    monkeypatch.setattr(nfs_probe, "hide_mounts", refuse)
    (problem,) = run()["problems"]
    assert problem["reason"] == "failed"
    assert "cannot make a mount namespace" in problem["message"]


@pytest.fixture
def real_mounts(programs, monkeypatch):
    """The share is a directory of this machine, mounted for real in a namespace."""
    programs(mount_nfs='exec mount --bind "$SHARE" "$2"')
    # pytest keeps its folder to itself, and the probe is another user there.
    monkeypatch.setattr(nfs_probe, "FOLDER", "/tmp")
    monkeypatch.setattr(nfs_probe, "hide_mounts", REAL_HIDE_MOUNTS)
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    if "mount namespace" in str(run()["problems"]):
        pytest.skip("this container may not make mount namespaces")


def test_success(real_mounts, tmp_path):
    share = tmp_path / "share"
    (share / "orders-1").mkdir(parents=True)
    for path in (share, share / "orders-1"):
        os.chown(path, 999, 999)
    warnings = []
    result = run(warnings.append, (999, 999), paths=[EXPORT, f"{EXPORT}/orders-1"], size="900Pi")
    assert result["problems"] == []
    (row,) = result["mounts"]
    assert 0 < row["fsync_ms_p50"] <= row["fsync_ms_worst"]
    assert row["free_bytes"] > 0
    assert "promises 900Pi" in warnings[0]
    assert list(share.iterdir()) == [share / "orders-1"]
    assert str(share) not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_directory_of_root(real_mounts, tmp_path):
    (tmp_path / "share").mkdir(mode=0o755)
    (problem,) = run(user=(999, 999))["problems"]
    assert problem["reason"] == "root_owned"
    assert "root is not squashed" in problem["message"]
