"""The look into the built wheel sees what is missing and what should not be there."""

from tests.support.wheel import ROOT, find_problems, locked_versions, package_files

GOOD = {
    "kaltalk_iv/__init__.py",
    "kaltalk_iv/py.typed",
    "kaltalk_iv/templates/kaltalk_iv/inbox.html",
    "kaltalk_iv/static/dashboard.js",
    "kaltalk_iv/widget/page.js",
    "kaltalk_iv/migrations/versions/0001_first.py",
}
METADATA = {"kaltalk_iv-0.1.0.dist-info/METADATA", "kaltalk_iv-0.1.0.dist-info/licenses/LICENSE"}


def test_a_wheel_with_all_of_the_package_and_its_metadata_is_good() -> None:
    assert find_problems(GOOD | METADATA, GOOD) == []


def test_a_file_that_was_left_out_is_named() -> None:
    held = GOOD - {"kaltalk_iv/static/dashboard.js"}
    assert find_problems(held, GOOD) == ["lacks kaltalk_iv/static/dashboard.js", "holds no static files"]


def test_a_wheel_without_the_widget_is_refused_even_when_the_checkout_lacks_it_too() -> None:
    without = GOOD - {"kaltalk_iv/widget/page.js"}
    assert find_problems(without, without) == ["holds no script of the widget"]


def test_a_file_of_the_sample_host_is_named() -> None:
    [problem] = find_problems(GOOD | {"host_demo/identity.py"}, GOOD)
    assert problem == "holds host_demo/identity.py, which is not of the package"


def test_a_package_without_its_type_marker_is_refused_even_when_the_checkout_lacks_it_too() -> None:
    without = GOOD - {"kaltalk_iv/py.typed"}
    assert find_problems(without, without) == ["holds no py.typed"]


def test_compiled_files_of_the_checkout_are_not_expected_in_the_wheel() -> None:
    assert "kaltalk_iv/__init__.py" in package_files()
    assert not [name for name in package_files() if "__pycache__" in name]


def test_versions_are_read_from_a_lock_file_without_hashes_and_with_their_markers() -> None:
    lock = (
        "# made by\n"
        "flask==3.1.3 \\\n    --hash=sha256:00\n"
        "psycopg[binary]==3.3.9 ; os_name == 'nt' \\\n    --hash=sha256:11\n"
    )
    assert locked_versions(lock) == "flask==3.1.3\npsycopg[binary]==3.3.9 ; os_name == 'nt'"
    assert "\nflask==" in locked_versions((ROOT / "requirements/demo.txt").read_text(encoding="utf-8"))


def test_no_address_and_no_path_of_a_machine_stands_in_a_lock_file() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "make lock" in text.splitlines()[1]
        assert not [line for line in text.splitlines() if line.startswith("#") and "/" in line]
