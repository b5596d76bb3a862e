# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_directories against a real directory tree, as the user who runs the tests."""

from __future__ import annotations

import json
import os
import stat

import pytest

from ansible_collections.slotwise.redis.plugins.modules import node_directories

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
    monkeypatch.setattr(node_directories.os, "chown", lambda *args: given_away.append(args))
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
    (make_broken, "cannot be read: '[not json'"),
    (make_list, "cannot be read: '[]'"),
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
