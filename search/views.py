"""The page of results. What people search is health data: nothing of it is stored by a cache or indexed."""

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.views.generic import TemplateView

from search.enums import Kind
from search.find import MOST_THINGS, Results, find
from search.models import ZeroHit
from search.shown import ShownHit, chips_of
from taxonomy.pages import CataloguePage, PrivatePage


class SearchView(PrivatePage, CataloguePage, TemplateView):
    """What was found, best first, with the reason of each hit; on no hit the nearest, the body and a person."""

    template_name = "search/results.html"
    page_size = 20

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Search for what the address asks."""
        asked = self.request.GET
        kind = asked.get("kind", "") if asked.get("kind") in Kind.values else ""
        results = find(asked.get("q", ""), self.language, kinds=[kind] if kind else None, limit=MOST_THINGS)
        if not results.has_hits and not kind:
            ZeroHit.note(results.query, self.language)
        page = Paginator([ShownHit(hit) for hit in results.hits], self.page_size).get_page(asked.get("page"))
        return super().get_context_data(
            results=results,
            query=results.query,
            page=page,
            chips=chips_of(results, kind, self.request.path),
            words=self.words_for_coordinator(results),
            **kwargs,
        )

    def words_for_coordinator(self, results: Results) -> str:
        """Return the end of the contact page's address that carries what was typed."""
        return f"?{urlencode({'words': results.query})}" if results.query else ""
