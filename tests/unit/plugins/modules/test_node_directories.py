# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_directories against a real directory tree, as the user who runs the tests."""

from __future__ import annotations

import json
import os
import stat

import pytest

from ansible_collections.slotwise.redis.plugins.modules import node_directories, node_directories_info

MARKER = node_directories.MARKER


class Result(Exception):
    def __init__(self, failed, **values):
        super().__init__(values.get("msg", ""))
        self.failed = failed
        self.values = values


class FakeModule:
    """Only what the module's own code uses."""

    def __init__(self, check_mode=False, **params):
        self.check_mode = check_mode
        self.params = {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "mode": "0750",
            "state": "present",
            "accept_empty": False,
            **params,
        }

    def fail_json(self, **values):
        raise Result(True, **values)


@pytest.fixture
def entry(tmp_path):
    return {
        "path": str(tmp_path / "base" / "shop.orders-0"),
        "deployment": "orders",
        "namespace": "shop",
        "pod": "orders-0",
        "exists": False,
        "incarnation": "",
        "kubernetes": "",
        "adopt": False,
    }


def run(*entries, **params):
    return node_directories.run(FakeModule(directories=list(entries), **params))


def tree(path):
    return sorted(str(p) for p in path.rglob("*"))


def test_create_ladder(entry, tmp_path):
    nothing = tree(tmp_path)
    predicted = run(entry, check_mode=True)
    assert predicted["changed"]
    assert tree(tmp_path) == nothing

    made = run(entry)
    assert made == predicted
    assert made["directories"][0]["actions"] == ["create", "mark"]
    assert stat.S_IMODE(os.stat(entry["path"]).st_mode) == 0o750
    marker = os.path.join(entry["path"], MARKER)
    assert stat.S_IMODE(os.stat(marker).st_mode) == 0o644
    with open(marker, encoding="utf-8") as text:
        assert json.load(text) == {
            "managed_by": "slotwise.redis",
            "deployment": "orders",
            "namespace": "shop",
            "pod": "orders-0",
        }
    assert os.listdir(entry["path"]) == [MARKER]

    again = run(entry)
    assert not again["changed"]
    assert again["diff"] == {"before": "", "after": ""}


def test_diff_names_the_directory(entry):
    diff = run(entry, check_mode=True)["diff"]
    assert diff["before"] == f"{entry['path']}: absent\n"
    assert diff["after"] == f"{entry['path']}: owner {os.getuid()}:{os.getgid()}, mode 0750, marked\n"


def test_mode_is_corrected_and_data_stays(entry):
    run(entry)
    data = os.path.join(entry["path"], "appendonly.aof")
    with open(data, "w", encoding="utf-8") as file:
        file.write("x")
    os.chmod(entry["path"], 0o777)
    result = run(entry)
    assert result["directories"][0]["actions"] == ["change mode"]
    assert stat.S_IMODE(os.stat(entry["path"]).st_mode) == 0o750
    assert os.path.exists(data)


def test_an_empty_directory_is_taken(entry):
    os.makedirs(os.path.join(entry["path"], "lost+found"))
    assert "mark" in run(entry)["directories"][0]["actions"]


def test_owner(entry, monkeypatch):
    given_away = []
    monkeypatch.setattr(
        node_directories.os,
        "fchown",
        lambda folder, *ids: given_away.append((os.readlink(f"/proc/self/fd/{folder}"), *ids)),
    )
    run(entry, uid=54321, gid=54322)
    assert given_away == [(entry["path"], 54321, 54322)]
    predicted = run(entry, uid=54321, gid=54322, check_mode=True)
    assert predicted["directories"][0]["actions"] == ["change owner"]
    assert len(given_away) == 1


def make_foreign(entry):
    run({**entry, "deployment": "carts", "pod": "carts-0"})


def make_unmarked(entry):
    os.makedirs(entry["path"])
    for i in range(7):
        with open(os.path.join(entry["path"], f"file{i}"), "w", encoding="utf-8"):
            pass


def make_file(entry):
    os.makedirs(os.path.dirname(entry["path"]))
    with open(entry["path"], "w", encoding="utf-8"):
        pass


def make_link(entry):
    os.makedirs(os.path.dirname(entry["path"]))
    os.symlink("/", entry["path"])


def make_parent_file(entry):
    with open(os.path.dirname(entry["path"]), "w", encoding="utf-8"):
        pass


def make_broken(entry):
    os.makedirs(entry["path"])
    with open(os.path.join(entry["path"], MARKER), "w", encoding="utf-8") as marker:
        marker.write("[not json")


def make_list(entry):
    os.makedirs(entry["path"])
    with open(os.path.join(entry["path"], MARKER), "w", encoding="utf-8") as marker:
        marker.write("[]")


REFUSALS = [
    (make_foreign, "belongs to pod carts-0 of deployment carts in namespace shop, not to pod orders-0"),
    (make_unmarked, "has no owner marker .slotwise-owner.json but holds file0, file1, file2, file3, file4 and 2 more"),
    (make_file, "is not a directory"),
    (make_link, "is a symbolic link"),
    (make_parent_file, "a part of this path is not a directory"),
    (make_broken, "its owner marker .slotwise-owner.json is not JSON"),
    (make_list, "its owner marker .slotwise-owner.json is not one of slotwise.redis"),
]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("make", "words"), REFUSALS)
def test_refusal_leaves_everything_as_it_was(entry, tmp_path, make, words, state):
    make(entry)
    fine = {**entry, "path": str(tmp_path / "fine" / "shop.orders-1"), "pod": "orders-1"}
    before = tree(tmp_path)
    with pytest.raises(Result, match=r"Nothing was changed on this machine") as result:
        run(fine, entry, state=state)
    assert result.value.failed
    assert words in str(result.value)
    assert entry["path"] in str(result.value)
    assert tree(tmp_path) == before


def test_a_known_directory_gets_its_lost_marker_back(entry):
    make_unmarked(entry)
    known = {**entry, "exists": True}
    assert "mark" in run(known)["directories"][0]["actions"]
    assert not run(entry)["changed"]
    make_foreign_marker = {**known, "deployment": "carts"}
    with pytest.raises(Result, match="belongs to pod orders-0 of deployment orders"):
        run(make_foreign_marker)


def test_content_without_a_marker_is_never_removed(entry, tmp_path):
    """Another disk may be mounted where the volume was."""
    make_unmarked(entry)
    before = tree(tmp_path)
    with pytest.raises(Result, match=r"has no owner marker.*\n.*gets its marker by site.yml") as result:
        run({**entry, "exists": True}, state="absent")
    assert result.value.failed
    assert tree(tmp_path) == before


def test_everybody_may_enter_the_parents(entry):
    umask = os.umask(0o077)
    try:
        run({**entry, "path": entry["path"] + "/deep/shop.orders-0"})
    finally:
        assert os.umask(umask) == 0o077
    for path in (os.path.dirname(entry["path"]), entry["path"], entry["path"] + "/deep"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o755


def test_absent_ladder(entry, tmp_path):
    run(entry)
    os.makedirs(os.path.join(entry["path"], "appendonlydir"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").touch()
    os.symlink(outside, os.path.join(entry["path"], "link"))
    before = tree(tmp_path)
    predicted = run(entry, state="absent", check_mode=True)
    assert tree(tmp_path) == before
    assert run(entry, state="absent") == predicted
    assert predicted["changed"]
    assert not os.path.exists(entry["path"])
    assert (outside / "keep").exists()
    assert not run(entry, state="absent")["changed"]


def test_interrupted_removal_goes_on(entry, monkeypatch):
    run(entry)
    os.makedirs(os.path.join(entry["path"], "a"))

    def fail(_path):
        raise OSError("disk gone")

    with monkeypatch.context() as patch:
        patch.setattr(node_directories.shutil, "rmtree", fail)
        with pytest.raises(OSError, match="disk gone"):
            run(entry, state="absent")
    assert os.path.exists(os.path.join(entry["path"], MARKER))
    assert run(entry, state="absent")["changed"]
    assert not os.path.exists(entry["path"])


# D1: a place of storage inside another one.


def other(entry, path, pod="carts-0"):
    return {**entry, "path": path, "deployment": "carts", "pod": pod}


def write(path, name="appendonly.aof", text="x"):
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "w", encoding="utf-8") as file:
        file.write(text)


def refusal(*entries, **params):
    with pytest.raises(Result) as result:
        run(*entries, **params)
    assert result.value.failed
    return str(result.value)


@pytest.mark.parametrize("inner", ["{}/shop.carts-0", "{}//shop.carts-0/", "{}/./a/b/shop.carts-0"])
def test_a_directory_in_that_of_another_owner_is_refused(entry, tmp_path, inner):
    run(entry)
    before = tree(tmp_path)
    words = refusal(other(entry, inner.format(entry["path"])))
    assert f"lies in {entry['path']}, which belongs to pod orders-0 of deployment orders in namespace shop" in words
    assert tree(tmp_path) == before


def test_a_directory_around_that_of_another_owner_is_refused(entry, tmp_path):
    inner = other(entry, entry["path"] + "/a/b/shop.carts-0")
    run(inner)
    # As 078c11e left it: both were marked, one after the other.
    with open(os.path.join(entry["path"], MARKER), "w", encoding="utf-8") as marker:
        marker.write(node_directories.owner_of(entry).text())
    before = tree(tmp_path)
    for state in ("present", "absent"):
        words = refusal(entry, state=state)
        assert f"holds {inner['path']}, which belongs to pod carts-0 of deployment carts in namespace shop" in words
    assert tree(tmp_path) == before


def test_a_link_into_the_directory_of_another_owner_is_seen(entry, tmp_path):
    run(entry)
    os.symlink(entry["path"], tmp_path / "link")
    words = refusal(other(entry, str(tmp_path / "link" / "shop.carts-0")))
    assert f"lies in {entry['path']}, which belongs to pod orders-0" in words


def test_directories_of_one_call_in_each_other_are_refused(entry, tmp_path):
    inner = other(entry, entry["path"] + "/shop.carts-0")
    words = refusal(inner, entry)
    assert (
        f"{inner['path']} of pod carts-0 of deployment carts in namespace shop lies in {entry['path']} of pod" in words
    )
    os.makedirs(tmp_path / "real")
    os.symlink(tmp_path / "real", tmp_path / "alias")
    same = [{**entry, "path": str(tmp_path / "real" / "d")}, other(entry, str(tmp_path / "alias" / "d"))]
    assert f"{tmp_path}/alias/d of pod carts-0" in refusal(*same)
    assert not os.listdir(tmp_path / "real")


def test_a_shared_directory_holds_those_of_its_own_pods(entry):
    shared = {**entry, "pod": "*", "path": entry["path"] + "-shared"}
    pod = {**entry, "path": shared["path"] + "/orders-0"}
    assert run(shared, pod)["changed"]
    assert not run(shared, pod)["changed"]
    assert "lies in" in refusal(other(entry, shared["path"] + "/carts-0"))
    run(other(entry, pod["path"] + "-x"), state="absent")
    run(pod, shared, state="absent")
    assert not os.path.exists(shared["path"])


def test_a_shared_directory_with_that_of_another_owner_stays(entry, tmp_path):
    shared = {**entry, "pod": "*"}
    run(shared)
    foreign = os.path.join(entry["path"], "carts-0")
    os.makedirs(foreign)
    with open(os.path.join(foreign, MARKER), "w", encoding="utf-8") as marker:
        marker.write(node_directories.owner_of(other(entry, foreign)).text())
    before = tree(tmp_path)
    assert f"holds {foreign}, which belongs to pod carts-0" in refusal(shared, state="absent")
    assert tree(tmp_path) == before


def test_what_is_too_deep_to_be_looked_through_stays(entry, tmp_path):
    run(entry)
    os.makedirs(entry["path"] + "/d" * 40)
    before = tree(tmp_path)
    assert "deeper than 32" in refusal(entry, state="absent")
    assert tree(tmp_path) == before


def test_mounts_in_a_directory_stop_its_removal(entry, monkeypatch):
    run(entry)
    monkeypatch.setattr(node_directories.folders, "mounts_below", lambda path: [f"{path}/disk"])
    assert not run(entry)["changed"]
    assert f"has other file systems mounted in it, at {entry['path']}/disk" in refusal(entry, state="absent")


# N2: markers that the user of Redis made.

SECRET = "root:not-to-be-shown"


def bad_link(marker, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    os.symlink(tmp_path / "secret", marker)


def bad_hard_link(marker, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    os.link(tmp_path / "secret", marker)


def bad_bytes(marker, _tmp_path):
    with open(marker, "wb") as file:
        file.write(b"\xff\xfe\x00" * 100)


def bad_size(marker, _tmp_path):
    with open(marker, "w", encoding="utf-8") as file:
        file.truncate(1 << 40)


def bad_names(marker, _tmp_path):
    owner = {"managed_by": "slotwise.redis", "deployment": "\x1b[31m", "namespace": "shop", "pod": ["orders-0"]}
    with open(marker, "w", encoding="utf-8") as file:
        json.dump(owner, file)


def bad_nesting(marker, _tmp_path):
    with open(marker, "w", encoding="utf-8") as file:
        file.write("[" * 4000)


def bad_owner(marker, _tmp_path):
    with open(marker, "w", encoding="utf-8") as file:
        file.write("{}")
    os.chown(marker, 999, 999)


BAD_MARKERS = [
    (bad_link, "is a symbolic link"),
    (bad_hard_link, "is not JSON"),
    (lambda marker, _tmp_path: os.symlink("/nowhere", marker), "is a symbolic link"),
    (lambda marker, _tmp_path: os.mkfifo(marker), "is not a regular file"),
    (lambda marker, _tmp_path: os.mkdir(marker), "is not a regular file"),
    (lambda marker, _tmp_path: os.mknod(marker, stat.S_IFSOCK | 0o644), "cannot be opened"),
    (bad_bytes, "is not JSON"),
    (bad_size, "is larger than 4096 bytes"),
    (bad_nesting, "is not JSON"),
    (bad_names, "has no name under deployment"),
    pytest.param(
        bad_owner,
        "belongs to user 999, and root has to have written it",
        marks=pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away"),
    ),
]


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("make", "words"), BAD_MARKERS)
def test_markers_that_root_did_not_write_are_refused_and_not_shown(entry, tmp_path, make, words, state):
    os.makedirs(entry["path"])
    make(os.path.join(entry["path"], MARKER), tmp_path)
    before = tree(tmp_path)
    said = refusal({**entry, "exists": True}, state=state)
    assert f"{entry['path']}: its owner marker {MARKER} {words}" in said
    assert SECRET not in said
    assert "\x1b" not in said
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("make", "words"), BAD_MARKERS)
def test_such_markers_are_described(entry, tmp_path, make, words):
    os.makedirs(entry["path"])
    make(os.path.join(entry["path"], MARKER), tmp_path)
    found = node_directories_info.look(entry["path"])
    assert found["owner"] == {}
    assert f"its owner marker {MARKER} {words}" in found["summary"]
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize("make", [bad_link, lambda path, _tmp_path: os.mkfifo(path)])
def test_files_of_redis_are_not_followed(entry, tmp_path, make):
    os.makedirs(entry["path"])
    make(os.path.join(entry["path"], "nodes.conf"), tmp_path)
    assert node_directories_info.look(entry["path"])["node_id"] == ""


def test_info_of_a_directory(entry):
    run({**entry, "incarnation": "20261127t170000z-ab12"})
    assert node_directories_info.look(entry["path"])["empty"]
    write(entry["path"], "nodes.conf", f"{'0' * 40} 192.0.2.1:6379@16379 master -\n{'a' * 40} :0 myself,master -\n")
    write(os.path.join(entry["path"], "appendonlydir"), text="123")
    found = node_directories_info.look(entry["path"])
    assert (found["exists"], found["empty"], found["files"], found["node_id"]) == (True, False, 2, "a" * 40)
    assert found["owner"]["incarnation"] == "20261127t170000z-ab12"
    assert found["summary"].endswith(
        f"Redis Cluster node {'a' * 40}, master; belongs to pod orders-0 of deployment orders in namespace shop, "
        "incarnation 20261127t170000z-ab12"
    )
    assert node_directories_info.look(entry["path"] + "-x")["summary"].endswith("does not exist")
    os.symlink("/etc", entry["path"] + "-link")
    assert node_directories_info.look(entry["path"] + "-link")["summary"].endswith("exists and is a symbolic link")


def test_links_on_the_way_count_only_where_root_made_them(entry, tmp_path):
    """A directory that pods share belongs to the user of Redis."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (tmp_path / "etc").mkdir()
    os.symlink(tmp_path / "etc", shared / "orders-0")
    assert "is a symbolic link" in refusal({**entry, "path": str(shared / "orders-0")})
    below = {**entry, "path": str(shared / "orders-0" / "d")}
    assert run(below, check_mode=True)["changed"]
    shared.chmod(0o777)
    assert f"leads through the symbolic link {shared}/orders-0, which others than root can change" in refusal(below)
    assert os.listdir(tmp_path / "etc") == []


def test_a_marker_is_not_written_through_a_link(entry, tmp_path):
    (tmp_path / "victim").write_text("kept")
    os.makedirs(entry["path"])
    os.symlink(tmp_path / "victim", os.path.join(entry["path"], node_directories.NEW_MARKER))
    run(entry)
    assert (tmp_path / "victim").read_text() == "kept"
    assert os.listdir(entry["path"]) == [MARKER]


# N1: incarnations.

OLD, NEW = {"incarnation": "old", "kubernetes": "k1"}, {"incarnation": "new", "kubernetes": "k1"}


def marker_of(entry):
    with open(os.path.join(entry["path"], MARKER), encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("exists", [False, True])
def test_data_of_another_incarnation_is_refused(entry, exists):
    run({**entry, **OLD})
    write(entry["path"])
    again = {**entry, **NEW, "exists": exists}
    said = refusal(again)
    assert "holds data of incarnation old of pod orders-0" in said
    assert "its volume is of incarnation new" in said
    assert "k8s_storage_adopt_directories=true" in said
    assert marker_of(entry)["incarnation"] == "old"
    assert "holds data of incarnation old" in refusal(again, state="absent")
    assert run({**again, "adopt": True})["changed"] is exists
    # Until the volume exists, so that an interrupted run is not taken for data that was left.
    assert marker_of(entry)["incarnation"] == ("new" if exists else "old")


def test_markers_without_an_incarnation_get_one_once(entry):
    run(entry)
    write(entry["path"])
    assert run({**entry, **NEW, "exists": True})["directories"][0]["actions"] == ["mark"]
    assert not run({**entry, **NEW, "exists": True})["changed"]
    assert marker_of(entry)["incarnation"] == "new"
    # Of a run that did not look: nothing is compared and nothing forgotten.
    assert not run(entry)["changed"]


def test_an_empty_directory_has_no_incarnation(entry):
    run({**entry, **OLD})
    assert run({**entry, **NEW})["directories"][0]["actions"] == ["mark"]


def test_data_of_another_kubernetes_cluster_is_not_removed(entry):
    run({**entry, **OLD})
    write(entry["path"])
    here = {**entry, "kubernetes": "k2"}
    assert "of another Kubernetes cluster (k1), and this one (k2) has no volume for it" in refusal(here, state="absent")
    assert run({**entry, "kubernetes": "k1"}, state="absent")["changed"]
