"""The page of results, and suggestions. What people search is health data: no cache stores it, nobody lists it."""

from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.generic import TemplateView, View

from search.enums import Kind
from search.facets import ResultFacets
from search.find import MOST_OF_A_KIND, Results, find
from search.models import ZeroHit
from search.red_flags import mentions_emergency
from search.shown import KindGroup, KindLink, examples, groups_of, kind_links
from search.suggest import suggest
from search.ways_in import URL_NAMES, WaysIn
from taxonomy.pages import CataloguePage, PrivatePage


class SearchView(PrivatePage, CataloguePage, TemplateView):
    """What was found, best first, with the reason of each hit; on no hit the nearest, the body and a person."""

    template_name = "search/results.html"
    page_size = 20

    @cached_property
    def results(self) -> Results:
        """Return everything that answers what the address asks, before the filters."""
        typed, most = self.request.GET.get("q", ""), MOST_OF_A_KIND * len(Kind)
        return find(typed, self.language, limit=most, alongside=list(URL_NAMES))

    @cached_property
    def ways(self) -> WaysIn:
        """Return specialties and parts of the body; read when something asks for them."""
        return WaysIn(self.language, self.results.alongside)

    @cached_property
    def facets(self) -> ResultFacets:
        """Return the filters, those in force and those that could be."""
        return ResultFacets(self.results, self.request.GET, self.ways)

    @cached_property
    def page(self) -> Page:
        """Return the page asked for, else the nearest one there is."""
        hits = self.facets.hits if self.results.has_hits else self.results.hits
        return Paginator(hits, self.page_size).get_page(self.request.GET.get("page"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what was found, and what leads on."""
        results, facets = self.results, self.facets
        if not results.has_hits:
            ZeroHit.note(results.query, self.language)
        return super().get_context_data(
            results=results,
            query=results.query,
            is_emergency=mentions_emergency(results.query),
            examples=[] if results.query else examples(),
            ways=None if results.has_hits else self.ways,
            total=self.page.paginator.count,
            page=self.page,
            groups=self.groups(),
            kinds=self.kinds(),
            facets=facets.facets,
            active_filters=facets.active_filters(self.request.path),
            number_of_filters=facets.number_in_force,
            unfiltered_url=f"{self.request.path}?{urlencode({'q': results.query})}",
            kept_in_form=[{"name": "q", "value": results.query}],
            kept_in_pages=facets.query(),
            has_left_out=facets.has_unknown_values or self.has_unknown_page,
            words=f"?{urlencode({'words': results.query})}" if results.query else "",
            **kwargs,
        )

    @property
    def has_unknown_page(self) -> bool:
        return (self.request.GET.get("page") or "1") != str(self.page.number)

    def groups(self) -> list[KindGroup]:
        """Return the hits of the page by kind."""
        return groups_of(self.page.object_list, self.facets.counts if self.results.has_hits else self.results.counts)

    def kinds(self) -> list[KindLink]:
        """Return a link to the hits of each kind; none where one is chosen already."""
        return kind_links(self.facets, self.request.path) if not self.facets.chosen["kind"] else []


class SuggestView(PrivatePage, CataloguePage, View):
    """The list under the search box, as HTML that static/js/suggest.js puts in its place."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer half-typed words; nothing of them is noted anywhere."""
        groups = suggest(request.GET.get("q", ""), self.language)
        number = sum(len(group.hits) for group in groups)
        answer = HttpResponse(render_to_string("search/suggestions.html", {"groups": groups, "number": number}))
        answer["X-Robots-Tag"] = "noindex"
        return answer
