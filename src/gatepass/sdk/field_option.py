"""The old location of `FieldOption`, which is the same class."""

from gatepass.sdk.forms import FieldOption

__all__ = ["FieldOption"]
