"""What the scans of a document say, in a template."""

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from teleconsult import studies
from teleconsult.models import Document

register = template.Library()


@register.simple_tag
def scans_of(document: Document) -> studies.Scans:
    """Return what the scans of a document say."""
    return studies.scans_of(document)


@register.simple_tag
def render_scans(document: Document) -> SafeString:
    """Return the same as lines of a page, to hand on to a component."""
    return render_to_string("teleconsult/_scans.html", {"document": document})
