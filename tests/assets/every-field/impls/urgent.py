"""Asks which page it was, when it is urgent."""


def on_change_urgent(username, form):
    urgent = form.fields["urgent"].value is True
    form.fields["page"].visible = urgent
    form.fields["page"].required = urgent
    form.additional_header_text = "The person on call is woken up." if urgent else None
    return form
