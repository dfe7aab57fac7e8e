"""A facility in one line."""

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from facilities.models import Facility
from publishing.templatetags.text import text_of

register = template.Library()


@register.simple_tag
def facility_in_words(facility: Facility) -> SafeString:
    """Return the name readers of the language use, kind, place and ownership, for the line under the Italian name."""
    usual_name = text_of(facility, "usual_name")
    parts = [str(facility.get_kind_display()), facility.place, str(facility.get_ownership_display())]
    if usual_name.value != facility.short_name and not usual_name.is_fallback:
        parts.insert(0, usual_name.value)
    if facility.is_demo:
        parts.append(_("invented for the demo"))
    # Each part keeps its own direction: Italian towns stand among Arabic words.
    return format_html_join(" · ", "<bdi>{}</bdi>", ((part,) for part in parts if part))
