"""The sitemap: every public page in every language, with the same page in the others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import index as index_view
from django.contrib.sitemaps.views import sitemap as sitemap_view
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from facilities.models import Facility
from partners.models import Institution
from taxonomy.languages import BCP47
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Treatment


@dataclass(frozen=True)
class PortalSite:
    """The host of the portal, as Django's sitemaps ask for it."""

    domain: str


class PublicSitemap(Sitemap):
    """Pages in all languages, each with `hreflang` links.

    Without `lastmod`: a page shows rows of many tables, and nobody knows when the last of them changed. A search engine
    that finds a wrong day believes none of them.
    """

    i18n = True
    alternates = True
    x_default = True
    limit = 1000

    def get_urls(self, page: int = 1, site: Any = None, protocol: str | None = None) -> list[dict[str, Any]]:
        """Return the addresses as the pages name them: the portal's own host, tags of BCP 47, English as default."""
        own = urlsplit(settings.PUBLIC_URL)
        urls = super().get_urls(page, site=PortalSite(own.netloc), protocol=own.scheme)
        for url in urls:
            english = next(item["location"] for item in url["alternates"] if item["lang_code"] == "en")
            for item in url["alternates"]:
                if item["lang_code"] == "x-default":
                    item["location"] = english
                item["lang_code"] = BCP47.get(item["lang_code"], item["lang_code"])
        return urls


class PageSitemap(PublicSitemap):
    """Pages that are one of a kind."""

    names = (
        "home",
        "treatments:treatment_list",
        "treatments:condition_list",
        "treatments:specialty_list",
        "treatments:body_list",
        "facilities:facility_list",
        "partners:partner_list",
        "teleconsult:second_opinion",
        "about",
        "about_order",
        "privacy",
        "accessibility",
    )

    def items(self) -> Iterable[str]:
        """Return the names of the addresses."""
        return self.names

    def location(self, item: str) -> str:
        """Return the address in the active language."""
        return reverse(item)


class SlugSitemap(PublicSitemap):
    """One kind of catalogue page."""

    url_name = ""
    argument = "slug"

    def location(self, item: str) -> str:
        """Return the address in the active language."""
        return reverse(self.url_name, args=[item])


class TreatmentSitemap(SlugSitemap):
    url_name = "treatments:treatment_detail"

    def items(self) -> Iterable[str]:
        """Return the slugs of published treatments."""
        return Treatment.objects.published().order_by("slug").values_list("slug", flat=True)


class ConditionSitemap(SlugSitemap):
    url_name = "treatments:condition_detail"

    def items(self) -> Iterable[str]:
        """Return the slugs of published conditions."""
        return Condition.objects.published().order_by("slug").values_list("slug", flat=True)


class SpecialtySitemap(SlugSitemap):
    url_name = "treatments:specialty_detail"

    def items(self) -> Iterable[str]:
        """Return the slugs of specialties."""
        return Specialty.objects.order_by("slug").values_list("slug", flat=True)


class BodyDistrictSitemap(SlugSitemap):
    url_name = "treatments:body_detail"

    def items(self) -> Iterable[str]:
        """Return the slugs of body districts."""
        return BodyDistrict.objects.order_by("number").values_list("slug", flat=True)


class FacilitySitemap(SlugSitemap):
    url_name = "facilities:facility_detail"

    def items(self) -> Iterable[str]:
        """Return the slugs of published facilities that are not invented."""
        return Facility.objects.published().filter(is_demo=False).order_by("slug").values_list("slug", flat=True)


class CountrySitemap(SlugSitemap):
    url_name = "partners:country"

    def items(self) -> Iterable[str]:
        """Return the codes of countries and regions with institutions."""
        codes = Institution.objects.published().order_by("country").values_list("country", flat=True).distinct()
        return [code.lower() for code in codes]


SITEMAPS = {
    "pages": PageSitemap,
    "treatments": TreatmentSitemap,
    "conditions": ConditionSitemap,
    "specialties": SpecialtySitemap,
    "body": BodyDistrictSitemap,
    "facilities": FacilitySitemap,
    "partners": CountrySitemap,
}


@require_safe
def sitemap_index(request: HttpRequest) -> HttpResponse:
    """Return the list of sitemaps; proxies may keep it for an hour."""
    response = index_view(request, SITEMAPS, sitemap_url_name="sitemap")
    for item in response.context_data["sitemaps"]:
        # The portal's own host: the one of the request, with its port, is whatever a stranger wrote.
        item.location = settings.PUBLIC_URL + urlsplit(item.location)._replace(scheme="", netloc="").geturl()
    return kept(response)


@require_safe
def sitemap(request: HttpRequest, section: str) -> HttpResponse:
    """Return one sitemap; proxies may keep it for an hour."""
    return kept(sitemap_view(request, SITEMAPS, section))


def kept(response: HttpResponse) -> HttpResponse:
    """Let proxies keep an answer for an hour."""
    response["Cache-Control"] = "public, max-age=3600"
    return response
