# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build steps run, and what their failures mean."""

import pytest
from slotwise_lab import steps
from slotwise_lab.shell import LabError
from slotwise_lab.steps import Step


class Builds:
    """Makes steps that record that they ran."""

    def __init__(self):
        self.ran = []

    def step(self, name, *needs, key="1", error=None, **options):
        def build(target, log):
            self.ran.append(name)
            if error:
                raise error
            (target / "result").write_text(name)

        return Step(name, key, build, needs, **options)


@pytest.fixture
def builds():
    return Builds()


def names(planned):
    return [step.name for step in planned]


def test_what_is_needed_comes_first_and_once(builds):
    base = builds.step("base")
    one, two = builds.step("one", base), builds.step("two", base)
    assert names(steps.plan([two, one], lambda step: False)) == ["base", "two", "one"]


def test_the_needs_of_a_cached_step_are_not_looked_at(builds):
    base = builds.step("base")
    image = builds.step("image", base)
    assert names(steps.plan([image, builds.step("other")], lambda step: step is image)) == ["other"]


def test_a_cached_need_is_not_planned(builds):
    base = builds.step("base")
    assert names(steps.plan([builds.step("image", base)], lambda step: step is base)) == ["image"]


def test_the_second_build_runs_nothing(builds, tmp_path, capsys):
    image = builds.step("image", builds.step("base"))
    steps.build([image], tmp_path)
    steps.build([image], tmp_path)
    assert builds.ran == ["base", "image"]
    assert (image.result(tmp_path) / "result").read_text() == "image"
    assert "all cached" in capsys.readouterr().out


def test_another_key_builds_that_step_again_and_keeps_the_old_result(builds, tmp_path):
    base = builds.step("base")
    old, new = builds.step("image", base), builds.step("image", base, key="2")
    steps.build([old], tmp_path)
    steps.build([new], tmp_path)
    assert builds.ran == ["base", "image", "image"]
    assert old.cached(tmp_path) and new.cached(tmp_path)


def test_a_removed_result_is_built_again_alone(builds, tmp_path):
    image = builds.step("image", builds.step("base"))
    steps.build([image], tmp_path)
    (image.result(tmp_path) / "result").unlink()
    image.result(tmp_path).rmdir()
    steps.build([image], tmp_path)
    assert builds.ran == ["base", "image", "image"]


def test_a_result_that_is_gone_elsewhere_is_built_again(builds, tmp_path):
    there = []
    image = builds.step("image", present=lambda: bool(there))
    steps.build([image], tmp_path)
    steps.build([image], tmp_path)
    there.append("now")
    steps.build([image], tmp_path)
    assert builds.ran == ["image", "image"]


def test_a_failed_step_leaves_no_result(builds, tmp_path):
    broken = builds.step("broken", error=LabError("no space"))
    with pytest.raises(LabError, match="no space"):
        steps.build([builds.step("after", broken)], tmp_path)
    assert builds.ran == ["broken"]
    assert not broken.cached(tmp_path)


def test_a_failed_optional_step_and_what_needs_it_are_left_out(builds, tmp_path, capsys):
    base = builds.step("base", error=LabError("not installable today"), optional=True)
    server, other = builds.step("server", base, optional=True), builds.step("other")
    steps.build([server, other], tmp_path)
    assert sorted(builds.ran) == ["base", "other"]
    assert other.cached(tmp_path) and not server.cached(tmp_path)
    assert "not installable today" in capsys.readouterr().out


def test_what_is_not_optional_goes_on_without_optional_needs(builds, tmp_path):
    base = builds.step("base", error=LabError("not installable today"), optional=True)
    server = builds.step("server", base, optional=True)
    disk = builds.step("disk", server, builds.step("machine"))
    steps.build([disk], tmp_path)
    assert sorted(builds.ran) == ["base", "disk", "machine"]
    assert disk.cached(tmp_path)


def test_keys_depend_on_every_part_and_on_where_parts_end():
    assert steps.key_of("a", "b") == steps.key_of("a", "b")
    assert steps.key_of("a", "b") != steps.key_of("ab")
    assert steps.key_of("a", 1) != steps.key_of("a", 2)
