from datetime import timedelta

import pytest

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
