"""A room that shows where the video service would open; it has no camera and no microphone."""

from typing import Any

from django.http import Http404
from django.views.generic import TemplateView

from taxonomy.pages import PrivatePage
from teleconsult import video


class RoomView(PrivatePage, TemplateView):
    """Opens with a token of ours, as a real service would, and says that it is none."""

    template_name = "demo/room.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Check the token."""
        said = video.read_token(self.request.GET.get("jwt", ""))
        if said is None or said["room"] != kwargs["room"]:
            raise Http404
        return super().get_context_data(said=said, **kwargs)
