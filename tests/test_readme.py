"""Everything that README shows is run."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    found = blocks("python")
    assert len(found) >= 4
    for code in found:
        exec(compile(code, "README.md", "exec"), names)
    assert "accuracy 0.9" in capsys.readouterr().out
    assert (tmp_path / "model.boostlab").stat().st_size > 0


def test_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^make (\w+)", "".join(blocks("sh")), flags=re.MULTILINE)
    assert targets[:2] == ["sweep", "test"]
    makefile = (ROOT / "Makefile").read_text()
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_files_that_it_shows_exist(link):
    assert (ROOT / link).is_file()


def test_named_files_exist():
    for path in re.findall(r"`python ([\w/.]+\.py)`", README):
        assert (ROOT / path).is_file()


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"version: '{project['version']}'" in (ROOT / "meson.build").read_text()
