"""What `base.html` says to those who show a link of ours: Open Graph, and the picture of the page."""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.template.base import NodeList, Parser, Token
from django.template.context import Context
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from healthlombardy.cards import HEIGHT, KINDS, WIDTH, promise

register = template.Library()

# Open Graph names a language with a country; Arabic with the one Facebook made for all of them.
LOCALES = {
    "en": "en_GB",
    "it": "it_IT",
    "ar": "ar_AR",
    "zh-hans": "zh_CN",
    "es": "es_ES",
    "fr": "fr_FR",
    "de": "de_DE",
    "ru": "ru_RU",
}
KIND_OF_PAGE = {kind.page: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Sharing:
    """How a page is shown elsewhere; `promise` is empty where the picture shows the page's own name."""

    picture: str
    width: int
    height: int
    locale: str
    other_locales: list[str]
    promise: str = ""


@register.simple_tag(takes_context=True)
def sharing(context: Context) -> Sharing:
    """Return how the page is shown where people share its address."""
    code = translation.get_language() or settings.LANGUAGE_CODE
    # A request that was refused before it reached its page has none.
    page = context["request"].resolver_match
    kind = KIND_OF_PAGE.get(page.view_name) if page else None
    address = reverse("card", args=[kind, page.kwargs["slug"]]) if kind else reverse("general_card")
    return Sharing(
        picture=settings.PUBLIC_URL + address,
        width=WIDTH,
        height=HEIGHT,
        locale=LOCALES[code],
        other_locales=[locale for other, locale in LOCALES.items() if other != code],
        promise="" if kind else promise(),
    )


class Captured(template.Node):
    """Keeps what stands within under a name, to be said more than once."""

    def __init__(self, nodelist: NodeList, name: str) -> None:
        self.nodelist = nodelist
        self.name = name

    def render(self, context: Context) -> SafeString:
        """Render what stands within, which has been escaped, and print nothing."""
        context[self.name] = mark_safe(self.nodelist.render(context).strip())  # noqa: S308
        return mark_safe("")


@register.tag
def capture(parser: Parser, token: Token) -> Captured:
    """Keep a part under a name: `{% capture as page_title %}{% block title %}{% endblock %}{% endcapture %}`."""
    words = token.split_contents()
    if len(words) != 3 or words[1] != "as":
        raise template.TemplateSyntaxError("Write {% capture as name %} … {% endcapture %}.")
    nodelist = parser.parse(("endcapture",))
    parser.delete_first_token()
    return Captured(nodelist, words[2])
