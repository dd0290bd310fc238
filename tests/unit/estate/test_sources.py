from pathlib import Path

import pytest

from gatepass.estate import EstateError, load_directory, read_sources

GOOD = "gatepass: 1\n"


def _files(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def test_an_estate_may_be_spread_over_files(tmp_path: Path) -> None:
    files = {
        "estate.yaml": GOOD,
        "people/all.yml": "people: {ana: {email: a@x.example}}",
        "flows/code.py": "x = 1\n",
        ".git/config.yaml": "not: ours",
        "teams/teams.yaml": "not: ours",
        "README.md": "# hello",
    }
    root = _files(tmp_path, dict(files))
    assert sorted(read_sources(root)) == ["estate.yaml", "flows/code.py", "people/all.yml"]
    assert list(load_directory(root).people) == ["ana"]


def test_one_file_is_read_with_the_python_beside_it(tmp_path: Path) -> None:
    root = _files(tmp_path, {"a.yaml": GOOD, "b.yaml": "nonsense: 1", "impls/x.py": ""})
    assert sorted(read_sources(root / "a.yaml")) == ["a.yaml", "impls/x.py"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no YAML file"),
        ({"estate.yaml": b"\xff\xfe"}, "not UTF-8 at byte 0"),
        ({"estate.yaml": b"#" * (4 << 20) + b"#"}, "too large"),
    ],
)
def test_h5_what_cannot_be_read_is_told(tmp_path: Path, files: dict[str, str | bytes], words: str) -> None:
    with pytest.raises(EstateError, match=words):
        load_directory(_files(tmp_path, files))


def test_a_link_out_of_the_estate_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.py"
    outside.write_text("SECRET = 1")
    root = _files(tmp_path / "estate", {"estate.yaml": GOOD})
    (root / "link.py").symlink_to(outside)
    with pytest.raises(EstateError, match="leads out of the estate"):
        read_sources(root)


def test_a_missing_directory_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(EstateError, match="gatepass init DIR"):
        load_directory(tmp_path / "nowhere")


def test_faults_name_the_file_as_it_is_found_from_here(tmp_path: Path) -> None:
    root = _files(tmp_path, {"estate.yaml": "gatepass: 1\nflow: 1\n"})
    with pytest.raises(EstateError) as caught:
        load_directory(root)
    assert str(caught.value).startswith(f"{root}/estate.yaml:2:1: unknown key 'flow'")
