"""Offers five thousand services."""

from sym.sdk.annotations import prefetch
from sym.sdk.field_option import FieldOption

SERVICES = [FieldOption(value=f"svc-{n:04}", label=f"Service number {n}") for n in range(5000)]


@prefetch(field_name="service")
def get_services(event):
    return SERVICES


@prefetch(field_name="services")
def get_more_services(event):
    return SERVICES
