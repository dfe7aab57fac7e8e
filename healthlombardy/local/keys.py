"""Keys and passwords of a local installation: made once, kept in the data folder, never in the repository."""

import base64
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from healthlombardy.local.data_folder import read_private, write_private


@dataclass(frozen=True)
class Keys:
    """Hold what must stay the same for the data to stay readable."""

    secret_key: str
    master_keys: str
    superuser_password: str
    owner_password: str
    application_password: str
    valkey_password: str

    @classmethod
    def random(cls) -> "Keys":
        """Return fresh keys."""
        return cls(
            # Settings refuse this prefix outside the demo.
            secret_key="demo-" + secrets.token_urlsafe(60),
            master_keys="1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            superuser_password=secrets.token_urlsafe(24),
            owner_password=secrets.token_urlsafe(24),
            application_password=secrets.token_urlsafe(24),
            valkey_password=secrets.token_urlsafe(24),
        )

    @classmethod
    def kept_in(cls, folder: Path) -> "Keys":
        """Return the keys of `folder`, made at the first call."""
        path = folder / "keys.json"
        kept = read_private(path)
        if not kept:
            kept = asdict(cls.random())
            write_private(path, kept)
        return cls(**kept)
