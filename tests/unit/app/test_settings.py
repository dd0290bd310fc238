from datetime import timedelta
from pathlib import Path

import pytest

from gatepass.app.serve import work
from gatepass.app.settings import SettingsError, read_settings


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    settings = read_settings(
        {"GATEPASS_PORT": "9000", "GATEPASS_LEASE": "1500ms", "GATEPASS_HOST": "127.0.0.2"}, port=0
    )
    assert (settings.port, settings.lease, settings.host) == (0, timedelta(seconds=1.5), "127.0.0.2")
    assert settings.limits.list_lag == timedelta(seconds=120)


def test_every_fault_is_told_at_once_with_its_variable() -> None:
    with pytest.raises(SettingsError) as told:
        read_settings({"GATEPASS_PORT": "x", "GATEPASS_SWEEP": "soon"})
    assert "GATEPASS_PORT" in str(told.value)
    assert "GATEPASS_SWEEP: found 'soon'; allowed: a whole number with ms" in str(told.value)


def test_a_data_directory_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as told:
        read_settings({}, data_dir=tmp_path / "file").make_data_dir()
    assert "file cannot be made" in str(told.value)
    assert "--data-dir" in told.value.advice


def test_a_worker_without_a_postgresql_is_refused(tmp_path: Path) -> None:
    """On SQLite it would settle nothing for nobody, in silence."""
    with pytest.raises(SettingsError, match="GATEPASS_DATABASE_URL names none"):
        work(read_settings({}, data_dir=tmp_path), say=print)
