"""Static files: the component sheets joined into one, names hashed by content."""

import re
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

IMPORT = re.compile(r'^@import url\("([^"]+)"\);\n?', re.MULTILINE)


class JoinedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Put what `css/main.css` imports in its place, then hash and compress.

    An address inside an imported file must be written as seen from the folder of `main.css`.
    """

    manifest_strict = True
    support_js_module_import_aggregation = True
    joined = ("css/main.css",)

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Any:
        """Join the sheets of every entry in `joined` before Django hashes the files."""
        if not dry_run:
            for name in self.joined:
                if name in paths:
                    self._join(name, paths)
        yield from super().post_process(paths, dry_run, **options)

    def _join(self, name: str, paths: dict[str, Any]) -> None:
        folder = PurePosixPath(name).parent
        storage, path = paths[name]

        def content(match: re.Match[str]) -> str:
            part_storage, part_path = paths[str(folder / match[1])]
            with part_storage.open(part_path) as part:
                return part.read().decode()

        with storage.open(path) as source:
            sheet = IMPORT.sub(content, source.read().decode())
        self.delete(name)
        self._save(name, ContentFile(sheet.encode()))
        paths[name] = (self, name)
