"""The two kinds of page: one anyone may read and keep, and one made for a person."""

from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views.generic import DetailView, ListView, View

from taxonomy.facets import FacetedFilterSet


class PublicPage(View):
    """A page any proxy may keep: GET only, no cookie, no token, the same for everyone."""

    http_method_names = ["get", "head", "options"]
    # Seconds a browser may show it without asking again; asking costs a 304 from memory.
    maximum_age = 0
    # Proxies: fresh for a second, then old for one more while they ask. With the second of the page cache, a published
    # edit is seen within three seconds, through two proxies in a row within five; see docs/adr/0009-page-cache.md.
    for_proxies = "s-maxage=1, stale-while-revalidate=1, stale-if-error=86400"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add the cache headers to whatever the page answers."""
        response = super().dispatch(request, *args, **kwargs)
        if response.status_code == 200 and not response.has_header("Cache-Control"):
            response["Cache-Control"] = f"public, max-age={self.maximum_age}, {self.for_proxies}"
        return response


class CataloguePage(PublicPage):
    """A public page in one language."""

    @property
    def language(self) -> str:
        """Return the code of the reader's language."""
        return translation.get_language() or settings.LANGUAGE_CODE


class CatalogueList(CataloguePage, ListView):
    """A list in the order of the reader's language."""

    def get_queryset(self) -> QuerySet:
        """Load what the language needs."""
        return super().get_queryset().in_language(self.language)


class FilteredList(CatalogueList):
    """A list with filters and pages. What an address asks for and does not exist is left out, with a note."""

    filterset_class: type[FacetedFilterSet]
    paginate_by = 24
    has_unknown_page = False

    @property
    def has_unknown_values(self) -> bool:
        """Return whether the address asks for something that does not exist."""
        return self.filterset.has_unknown_values or self.has_unknown_page

    def get_queryset(self) -> QuerySet:
        """Keep what the filters in the address ask for."""
        rows = super().get_queryset()
        self.filterset = self.filterset_class(self.request.GET, rows, language=self.language)
        return self.filterset.qs

    def paginate_queryset(self, queryset: QuerySet, page_size: int) -> tuple[Paginator, Page, QuerySet, bool]:
        """Return the page asked for, else the nearest one there is."""
        paginator = self.get_paginator(queryset, page_size)
        # Counted already, beside the filters.
        paginator.count = self.filterset.number_of_rows
        wanted = self.request.GET.get("page", "1")
        page = paginator.get_page(wanted)
        self.has_unknown_page = wanted != str(page.number)
        return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the filters."""
        context = super().get_context_data(**kwargs)
        return context | {
            "facets": self.filterset.facets,
            "active_filters": self.filterset.active_filters(self.request.path),
            "number_of_filters": self.filterset.number_in_force,
            "is_looked_through": self.filterset.is_looked_through,
            "orders": self.filterset.orders(self.request.path),
            # What the form does not ask and must not lose.
            "hidden": [{"name": "sort", "value": value} for value in self.filterset.query().getlist("sort")],
            # The address without what does not exist, for the links to other pages of the list.
            "query": self.filterset.query(),
            "has_unknown_values": self.has_unknown_values,
        }


class CatalogueDetail(CataloguePage, DetailView):
    """One thing of the catalogue by its slug; 404 where there is none."""

    related: tuple[str, ...] = ()

    def get_queryset(self) -> QuerySet:
        """Load what the language needs."""
        return super().get_queryset().in_language(self.language, *self.related)


class PrivatePage(View):
    """A page with a form or a person's data: never stored, never indexed."""

    is_private = True

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Mark the view function, so that the page says `noindex`."""
        view = super().as_view(**initkwargs)
        view.is_private = True
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Forbid every cache."""
        response = super().dispatch(request, *args, **kwargs)
        if isinstance(response, HttpResponse):
            response["Cache-Control"] = "no-store"
        return response
