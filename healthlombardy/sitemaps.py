"""The sitemap: every public page in every language, with the same page in the others."""

from collections.abc import Iterable

from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import index as index_view
from django.contrib.sitemaps.views import sitemap as sitemap_view
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from facilities.models import Facility
from partners.models import Institution
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Treatment


class PublicSitemap(Sitemap):
    """Pages in all languages, each with `hreflang` links."""

    i18n = True
    alternates = True
    x_default = True
    limit = 1000


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


def sitemap_index(request: HttpRequest) -> HttpResponse:
    """Return the list of sitemaps; proxies may keep it for an hour."""
    return kept(index_view(request, SITEMAPS, sitemap_url_name="sitemap"))


def sitemap(request: HttpRequest, section: str) -> HttpResponse:
    """Return one sitemap; proxies may keep it for an hour."""
    return kept(sitemap_view(request, SITEMAPS, section))


def kept(response: HttpResponse) -> HttpResponse:
    """Let proxies keep an answer for an hour."""
    response["Cache-Control"] = "public, max-age=3600"
    return response
