"""Tells the apps above, inside the transaction, that an object of the catalogue was published anew."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model

Listener = Callable[[Any], None]
_listeners: dict[type[Model], list[Listener]] = {}


def on_publish(listener: Listener, models: Iterable[type[Model]]) -> None:
    """Call `listener(object)` for each published object of these models; call it in AppConfig.ready()."""
    for model in models:
        listeners = _listeners.setdefault(model, [])
        if listener not in listeners:
            listeners.append(listener)


def tell(published: Iterable[Model]) -> None:
    """Call everybody who asked about objects like these."""
    for item in published:
        for listener in _listeners.get(type(item), []):
            listener(item)
