# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout and the archive made from it hold what they should, and nothing else."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LINK = "collections/ansible_collections/slotwise/redis"
SHIPPED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "bindep.txt",
    "changelogs",
    "docs",
    "examples",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
# Files that cannot carry a header or that a tool writes.
NO_HEADER_NAMES = {"COPYING", "go.sum", "changelog.yaml"}
NO_HEADER_FOLDERS = ("tests/sanity/", "tests/unit/plugins/module_utils/redis/fixtures/")
HEADER = ("Copyright: (c) 2026, slotwise.redis contributors", "SPDX-License-Identifier: GPL-3.0-or-later")
SECRETS = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY|client-key-data:|\$ANSIBLE_VAULT")
# Commands that throw data away; the collection must not be able to send one.
DESTRUCTIVE = re.compile(r"flush[ _]?(all|db)|reset\W+hard")


def tracked() -> list[str]:
    """Return what git tracks or would track, links included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and os.path.lexists(ROOT / name)})


def modules() -> list[Path]:
    """Return the module files."""
    return sorted((ROOT / "plugins/modules").glob("*.py"))


def assignments(path: Path) -> dict[str, object]:
    """Return the plain text constants of a Python file."""
    return {
        target.id: node.value.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def version(text: str) -> tuple[int, ...]:
    """Return a version that can be compared."""
    return tuple(int(part) for part in str(text).split("."))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return the built collection, opened."""
    folder = tmp_path_factory.mktemp("archive")
    command = ["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (path,) = folder.glob("slotwise-redis-*.tar.gz")
    with tarfile.open(path) as tar:
        yield tar


def test_archive_top_level(archive):
    assert {name.split("/")[0] for name in archive.getnames()} == SHIPPED


def test_archive_has_files_and_folders_only(archive):
    assert [member.name for member in archive if not (member.isfile() or member.isdir())] == []


def test_archive_has_no_leftovers(archive):
    leftovers = re.compile(r"(^|/)\.|__pycache__|\.pyc$|\.orig$|\.retry$|~$|\.pem$|\.key$|kubeconfig")
    assert [name for name in archive.getnames() if leftovers.search(name)] == []


def test_archive_has_no_secrets(archive):
    found = [
        member.name
        for member in archive
        if member.isfile() and SECRETS.search(archive.extractfile(member).read().decode("utf-8", "replace"))
    ]
    assert found == []


def test_archive_is_complete(archive):
    names = set(archive.getnames())
    expected = {name for name in tracked() if name.split("/")[0] in SHIPPED and not name.startswith("changelogs/")}
    assert sorted(expected - names) == []


def test_links_of_documents_work_in_the_archive(archive):
    """Readers of an installed collection have nothing else."""
    names = set(archive.getnames())
    dead = []
    for name in sorted(n for n in names if n.endswith(".md")):
        text = archive.extractfile(name).read().decode()
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target and os.path.normpath(Path(name).parent / target) not in names:
                dead.append(f"{name}: {target}")
    assert dead == []


def test_self_link():
    assert os.readlink(ROOT / LINK) == "../../.."
    assert LINK in tracked()


def test_no_secret_is_tracked():
    # This very file spells the patterns.
    files = [ROOT / name for name in tracked() if (ROOT / name).is_file() and name != "tests/unit/test_layout.py"]
    assert [
        str(file) for file in files if re.search(r"BEGIN [A-Z ]*PRIVATE KEY", file.read_text("utf-8", "replace"))
    ] == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in tracked()
        if Path(name).name not in NO_HEADER_NAMES and not name.startswith(NO_HEADER_FOLDERS) and name != LINK
    ],
)
def test_header(name):
    head = "\n".join((ROOT / name).read_text().splitlines()[:20])
    for line in HEADER:
        assert line in head, f"{name}: the first 20 lines have no {line!r}"


def test_licence_text():
    text = (ROOT / "COPYING").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 3, 29 June 2007" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_module_is_documented(path):
    texts = assignments(path)
    documentation = yaml.safe_load(texts["DOCUMENTATION"])
    assert documentation["module"] == path.stem
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert version(documentation["version_added"]) <= version(galaxy["version"])
    assert yaml.safe_load(texts["RETURN"])
    for task in yaml.safe_load(texts["EXAMPLES"]):
        assert task["name"]
    assert f"slotwise.redis.{path.stem}:" in texts["EXAMPLES"]


def test_action_group_has_every_module_that_talks_to_kubernetes():
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["redis"]
    connected = re.compile(r"^  - slotwise\.redis\.kubernetes$", re.M)
    assert sorted(group) == [path.stem for path in modules() if connected.search(path.read_text())]


@pytest.mark.parametrize("path", sorted((ROOT / "plugins/filter").glob("*.py")), ids=lambda path: path.stem)
def test_one_filter_per_file(path):
    # ansible-doc finds a filter by the name of its file.
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    assert list(namespace["FilterModule"]().filters()) == [path.stem]


def test_readme_names_everything():
    text = (ROOT / "README.md").read_text()
    names = [path.stem for path in modules()]
    names += [path.stem for path in (ROOT / "plugins/filter").glob("*.py")]
    names += [path.stem for path in (ROOT / "playbooks").glob("*.yml")]
    names += [path.name for path in (ROOT / "roles").iterdir() if path.is_dir()]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", [name for name in tracked() if name.endswith(".md")])
def test_links_of_documents(name):
    targets = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not ((ROOT / name).parent / target).exists()] == []


def test_dependencies_are_the_same_everywhere():
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    listed = yaml.safe_load((ROOT / "collections/requirements.yml").read_text())["collections"]
    assert {item["name"]: item["version"] for item in listed} == galaxy


def commands(path: Path):
    """Yield (line, text) of what a file could send: strings of one call or list joined, names that are called.

    Documentation and comments may speak of a command; they are left out.
    """
    if path.suffix != ".py":
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield number, line.split("#")[0].lower()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            words = [name, *node.args, *(f"{item.arg} {ast.unparse(item.value)}" for item in node.keywords)]
        elif isinstance(node, (ast.List, ast.Tuple)):
            words = node.elts
        else:
            continue
        texts = [word if isinstance(word, str) else getattr(word, "value", "") for word in words]
        yield node.lineno, " ".join(str(text) for text in texts).lower()


def test_nothing_can_throw_data_away():
    found = []
    for folder in ("plugins", "roles", "playbooks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in {".py", ".yml", ".yaml", ".sh", ".j2", ".conf"}:
                found += [
                    f"{path.relative_to(ROOT)}:{line}" for line, text in commands(path) if DESTRUCTIVE.search(text)
                ]
    assert found == []


@pytest.mark.parametrize(
    "code", ["client.flushall()", 'send("FLUSHALL")', 'send("CLUSTER", "RESET", "HARD")', 'run(["CLUSTER RESET HARD"])']
)
def test_the_search_for_them_finds_them(tmp_path, code):
    file = tmp_path / "sample.py"
    file.write_text(code)
    assert any(DESTRUCTIVE.search(text) for _line, text in commands(file))
