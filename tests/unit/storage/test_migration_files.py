"""The files of migrations: which are taken, in which order, and what identifies them."""

from pathlib import Path

import pytest

from segue.errors import ConfigurationError
from segue.storage.migrations import Migration, available


def test_this_version_has_its_migrations() -> None:
    assert available()[0].name == "0001_core"


def test_migrations_come_by_number_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("0010_b.sql", "0002_c.sql", "README.md", "2_d.sql", "0003_e.sql~"):
        (tmp_path / name).write_text(name)
    assert available(tmp_path) == (
        Migration("0002_c", "0002_c.sql"),
        Migration("0010_b", "0010_b.sql"),
    )


def test_two_with_one_number_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").touch()
    (tmp_path / "0001_b.sql").touch()
    with pytest.raises(ConfigurationError, match=r"0001_a\.sql and 0001_b\.sql"):
        available(tmp_path)


def test_installation_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no migrations"):
        available(tmp_path)


def test_line_ends_of_a_checkout_do_not_count() -> None:
    assert Migration("0001_a", "x\r\ny").checksum == Migration("0001_a", "x\ny").checksum
    assert Migration("0001_a", "x\ny").checksum != Migration("0001_a", "x y").checksum
