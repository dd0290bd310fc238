"""From YAML to people."""

from __future__ import annotations

from gatepass.estate.format.shape import Item
from gatepass.estate.model import Person, normalise_email
from gatepass.estate.reading.draft import Draft, label_of


def read_people(draft: Draft) -> None:
    """Build everybody under `people`; two people with one address or one identity are a fault (I7)."""
    emails: dict[str, str] = {}
    identities: dict[tuple[str, str, str], str] = {}
    for name, item in draft.root.items("people"):
        person = _person(name, item)
        draft.people[name] = person
        for email in sorted(person.emails):
            other = emails.setdefault(email, name)
            if other != name:
                draft.fault(
                    item, "same_email", f"{other} has the address {email} too", "one person for one address"
                )
        for service, stored in person.identities.items():
            for external, identity in stored.items():
                other = identities.setdefault((service, external, identity), name)
                if other != name:
                    found = f"{other} has the identity {identity} in {service} {external} too"
                    draft.fault(item, "same_identity", found, "one person for one identity")


def _person(name: str, item: Item) -> Person:
    email = item.get("email") or ""
    written = [email, *item.values("emails")]
    return Person(
        id=name,
        email=email,
        emails=frozenset(normalise_email(each) for each in written if each),
        label=label_of(item, name.replace(".", " ")),
        role=item.get("role") or "member",
        groups=frozenset(item.values("groups")),
        identities={
            service: {external: identity.value for external, identity in stored.items()}
            for service, stored in item.items("identities")
        },
        active=item.get("active") is not False,
    )
