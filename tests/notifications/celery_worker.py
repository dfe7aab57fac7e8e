"""The real worker, which finds the templates and mail servers of these tests."""

import os
from pathlib import Path

from django.conf import settings

from healthlombardy.celery import app

__all__ = ["app"]

settings.TEMPLATES[0]["DIRS"].insert(0, Path(__file__).parent / "templates")
if "BACKEND" in os.environ:
    settings.EMAIL_BACKEND = os.environ["BACKEND"]
