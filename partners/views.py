"""Pages of the institutions abroad: all countries or regions, and one of them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import reverse
from django.utils import translation
from django.views.generic import TemplateView

from partners.enums import InstitutionKind
from partners.models import Agreement, Institution
from taxonomy.collation import sort_key
from taxonomy.countries import country_name, is_country
from taxonomy.pages import PublicPage


@dataclass(frozen=True)
class Country:
    """A country or region with the number of institutions listed there."""

    code: str
    name: str
    institution_count: int

    @property
    def url(self) -> str:
        return reverse("partners:country", args=[self.code.lower()])


def countries(language: str) -> list[Country]:
    """Return the countries and regions with institutions, in the order of the language."""
    counts = Counter(Institution.objects.published().values_list("country", flat=True))
    found = [Country(code, country_name(code, language), count) for code, count in counts.items()]
    return sorted(found, key=lambda country: sort_key(country.name, language))


class CountryListView(PublicPage, TemplateView):
    """All countries and regions; `?country=ae`, the answer of the form, leads to that one."""

    template_name = "partners/country_list.html"

    @property
    def chosen(self) -> str:
        """Return the code in the address, in lower case."""
        return self.request.GET.get("country", "").strip().lower()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the list, or go to the country or region that was chosen."""
        chosen = self.chosen
        if is_country(chosen.upper()) and Institution.objects.published().in_country(chosen).exists():
            return HttpResponsePermanentRedirect(reverse("partners:country", args=[chosen]))
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the countries and how many institutions there are in all."""
        found = countries(translation.get_language() or "en")
        total = sum(country.institution_count for country in found)
        return super().get_context_data(
            countries=found, institution_count=total, has_unknown_country=bool(self.chosen), **kwargs
        )


class CountryView(PublicPage, TemplateView):
    """The institutions of one country or region, and its agreements with hospitals here."""

    template_name = "partners/country_detail.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send a code in capitals to its one address."""
        code = kwargs["country"]
        if code != code.lower():
            return HttpResponsePermanentRedirect(reverse("partners:country", args=[code.lower()]))
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the institutions by kind, in the order of the kinds' names."""
        code = kwargs["country"].upper()
        if "\x00" in code or not is_country(code):
            raise Http404
        institutions = list(Institution.objects.published().in_country(code))
        if not institutions:
            raise Http404
        language = translation.get_language() or "en"
        agreements = Agreement.objects.published().with_country(code).select_related("facility")
        return super().get_context_data(
            code=code,
            name=country_name(code, language),
            institution_count=len(institutions),
            kinds=by_kind(institutions, language),
            agreements=agreements,
            checked_on=max((item.read_on for item in institutions if item.read_on), default=None),
            **kwargs,
        )


def by_kind(institutions: list[Institution], language: str) -> list[tuple[str, list[Institution]]]:
    """Return (name of the kind, institutions), sorted by the name in the language."""
    groups: dict[str, list[Institution]] = {}
    for institution in institutions:
        groups.setdefault(str(InstitutionKind(institution.kind).label), []).append(institution)
    return sorted(groups.items(), key=lambda group: sort_key(group[0], language))
