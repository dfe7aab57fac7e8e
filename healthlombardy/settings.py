"""All settings, read from the environment and safe by default.

A missing or odd value raises a sentence that says how to mend it. `docs/operations.md` lists the variables.
"""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    """Return an environment variable without surrounding blanks."""
    return os.environ.get(name, default).strip()


def flag(name: str) -> bool:
    """Return whether a variable is 1; anything but 0, 1 or nothing is refused."""
    value = text(name, "0") or "0"
    if value not in {"0", "1"}:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to 1 or 0.")
    return value == "1"


def number(name: str, default: int) -> int:
    """Return a whole number of at least zero."""
    value = text(name, str(default))
    if not value.isdigit():
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number, for example {default}.")
    return int(value)


def numbers(name: str, default: str) -> tuple[int, ...]:
    """Return a comma-separated variable as whole numbers, smallest first."""
    value = text(name, default) or default
    if not all(part.strip().isdigit() for part in value.split(",")):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to whole numbers, for example {default}.")
    return tuple(sorted(int(part) for part in value.split(",")))


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def database(url: str) -> dict[str, object]:
    """Return Django's database entry for `postgresql://user:password@host:port/name`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # A database that is gone answers "come back later" within two seconds instead of holding the reader.
        # So does one that vanishes from the network while it is asked (milliseconds; Linux alone knows the word).
        "OPTIONS": {"connect_timeout": 2, **({"tcp_user_timeout": 2000} if sys.platform == "linux" else {}), **query},
    }


DEBUG = flag("DEBUG")
DEMO = flag("DEMO")
# A build step (collectstatic in an image) needs no secret and no database.
BUILDING = len(sys.argv) > 1 and sys.argv[1] in {"collectstatic", "compile_translations"}

SECRET_KEY = text("SECRET_KEY") or ("only-for-building" if BUILDING else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is missing. Set 50 or more random characters; script/run makes its own.")
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEMO or DEBUG else "")
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver"}
PUBLIC_URL = text("PUBLIC_URL", "http://localhost:8000").rstrip("/")
IS_LOCAL = urlsplit(PUBLIC_URL).hostname in {"localhost", "127.0.0.1", "::1"}

if DEMO and (not IS_LOCAL or not set(ALLOWED_HOSTS) <= LOOPBACK_HOSTS):
    raise ImproperlyConfigured(
        "DEMO=1 needs no password to sign in. It works on this computer only: use localhost, or set DEMO=0."
    )
if not DEMO and not DEBUG and not BUILDING:
    if not ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS is missing. Name the hosts of this portal, separated by commas.")
    if "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS is *, which believes any host. Name the hosts of this portal.")
    if SECRET_KEY.startswith("demo-") or len(SECRET_KEY) < 50:
        raise ImproperlyConfigured("SECRET_KEY is a demo key or too short. Set 50 or more random characters.")
    if not text("MASTER_KEYS") or text("MASTER_KEYS").startswith("demo"):
        raise ImproperlyConfigured(
            "MASTER_KEYS is missing. Set VERSION:BASE64 of 32 random bytes; see docs/operations.md."
        )
    if urlsplit(PUBLIC_URL).scheme != "https":
        raise ImproperlyConfigured("PUBLIC_URL must begin with https:// outside the demo.")
    if not text("EMAIL_URL"):
        raise ImproperlyConfigured(
            "EMAIL_URL is missing, so no mail would leave. Set smtp+tls://user:password@host:587."
        )
    if not text("CLAMAV_ADDRESS") and not flag("ALLOW_UNSCANNED"):
        raise ImproperlyConfigured(
            "CLAMAV_ADDRESS is missing. Set the scanner's host:port, or ALLOW_UNSCANNED=1 to go without."
        )
if DEBUG and not IS_LOCAL:
    raise ImproperlyConfigured("DEBUG=1 shows internals to everyone. It works on this computer only.")

DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / ".data")

# --- what is installed, from the ground floor up --------------------------------------------------------------

INSTALLED_APPS = [
    "modeltranslation",
    "healthlombardy.administration.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "django.contrib.humanize",
    "django.forms",
    "django_filters",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "taxonomy",
    "vault",
    "notifications",
    "accounts",
    "publishing",
    "facilities",
    "treatments",
    "search",
    "ecosystem",
    "partners",
    "teleconsult",
    "catalogue",
]
if DEMO:
    INSTALLED_APPS.append("demo")

MIDDLEWARE = [
    "healthlombardy.middleware.RequestContextMiddleware",
    # Before all others: what it keeps carries their headers already.
    "healthlombardy.page_cache.PageCacheMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "healthlombardy.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "healthlombardy.middleware.CompressPublicMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "healthlombardy.middleware.DatabaseGoneMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "healthlombardy.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "teleconsult.session_ends.KeepTypedMiddleware",
    "accounts.middleware.StaffAreaMiddleware",
]

ROOT_URLCONF = "healthlombardy.urls"
WSGI_APPLICATION = "healthlombardy.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "healthlombardy.context_processors.page",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "publishing.templatetags.text",
                "taxonomy.dates",
                "healthlombardy.sharing",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
# Templates of pictures and PDFs, as names for typesetting.press.
TYPESETTING_TEMPLATES = BASE_DIR / "templates"

# --- database, cache, worker ------------------------------------------------------------------------------------

DATABASES = {"default": database(text("DATABASE_URL", "postgresql://healthlombardy_app@localhost:5432/healthlombardy"))}
# The role that may not change or erase the trail; migrations run as the owner.
APPLICATION_ROLE = text("APPLICATION_ROLE", "healthlombardy_app")

REDIS_URL = text("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "healthlombardy",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    },
    # The pictures of shared links, each set once; about 70 KB each. When it is full, a third is dropped.
    "cards": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "cards",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

# Memory of each web process for public pages, compressed; none while pages are being written.
PAGE_CACHE_BYTES = 0 if DEBUG else number("PAGE_CACHE_MEGABYTES", 16) * 1024**2

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A doorbell that cannot ring is not worth waiting for: the sweep finds the row.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "visibility_timeout": 3600,
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# --- who signs in ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "staff_home"
ACCOUNT_ADAPTER = "accounts.adapters.StaffAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "email_key"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_FORMS = {"login": "accounts.forms.SignInForm", "reauthenticate": "accounts.forms.PasswordAgainForm"}
# The cookie ends with the browser; nobody is remembered.
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
# allauth counts in the cache; our own counters stand in PostgreSQL (accounts.limits).
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "accounts.adapters.SealedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False
MFA_FORMS = {
    "authenticate": "accounts.forms.SecondFactorForm",
    "reauthenticate": "accounts.forms.SecondFactorAgainForm",
    "activate_totp": "accounts.forms.ActivateAppForm",
    "add_webauthn": "accounts.forms.AddPasskeyForm",
    "edit_webauthn": "accounts.forms.RenamePasskeyForm",
}
# One step of 30 seconds to either side: clocks of phones differ (RFC 6238, section 5.2).
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Health Lombardy"
# Passkeys on http://localhost, for the demo only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = IS_LOCAL

SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_IDLE_SECONDS = 15 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_FAILURE_VIEW = "healthlombardy.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not IS_LOCAL
# Browsers accept the __Host- prefix over HTTPS only.
SESSION_COOKIE_NAME = "session" if IS_LOCAL else "__Host-session"
CSRF_COOKIE_NAME = "csrftoken" if IS_LOCAL else "__Host-csrftoken"
PATIENT_COOKIE_NAME = "request" if IS_LOCAL else "__Host-request"

# --- the web ------------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = not IS_LOCAL
SECURE_HSTS_SECONDS = 0 if IS_LOCAL else 63_072_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not IS_LOCAL
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The address of the reader is believed only from this proxy.
TRUSTED_PROXIES = words("TRUSTED_PROXY")
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# Uploads are sealed as they arrive and never lie in the clear on disk.
FILE_UPLOAD_HANDLERS = ["vault.uploads.SealingUploadHandler"]

# --- languages ----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("it", "Italiano"),
    ("ar", "العربية"),
    ("zh-hans", "简体中文"),
    ("es", "Español"),
    ("fr", "Français"),
    ("de", "Deutsch"),
    ("ru", "Русский"),
]
STAFF_LANGUAGES = ["en", "it"]
# The last holds what Django itself says otherwise than we write it: docs/translating.md.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale_staff", BASE_DIR / "locale_django"]
USE_I18N = True
FORMAT_MODULE_PATH = ["healthlombardy.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
MODELTRANSLATION_DEFAULT_LANGUAGE = "en"
MODELTRANSLATION_LANGUAGES = tuple(code for code, _name in LANGUAGES)
# A missing text is shown with a label by {% text %}, never silently in another language.
MODELTRANSLATION_ENABLE_FALLBACKS = False
MODELTRANSLATION_CUSTOM_FIELDS = ("ArrayField",)

# --- files --------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "documents": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "documents", "base_url": None, "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "healthlombardy.storage.JoinedStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = False

# --- mail ---------------------------------------------------------------------------------------------------------

EMAIL_URL = text("EMAIL_URL")
MAIL_SPOOL = DATA_DIR / "mail"
DEFAULT_FROM_EMAIL = text("MAIL_FROM", "Health Lombardy <no-reply@localhost>")
if EMAIL_URL:
    _mail = urlsplit(EMAIL_URL)
    if _mail.scheme not in {"smtp", "smtps", "smtp+tls"} or not _mail.hostname:
        raise ImproperlyConfigured("EMAIL_URL must look like smtp+tls://user:password@host:587.")
    EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 20
else:
    EMAIL_BACKEND = "notifications.backends.SpoolBackend"

# --- sealed data --------------------------------------------------------------------------------------------------

# VERSION:BASE64[,VERSION:BASE64…]; the highest version seals, the others still open.
MASTER_KEYS = text("MASTER_KEYS")
CLAMAV_ADDRESS = text("CLAMAV_ADDRESS")
# What the scanner reads to the end: clamd's StreamMaxLength, MaxFileSize and MaxScanSize, as they are without a word.
CLAMAV_MAXIMUM_BYTES = number("CLAMAV_MAXIMUM_BYTES", 100 * 1024**2)

# --- the second opinion -------------------------------------------------------------------------------------------

PORTAL_TIME_ZONE = "Europe/Rome"
MAXIMUM_FILE_BYTES = number("MAXIMUM_FILE_BYTES", 50 * 1024**2)
MAXIMUM_UPLOAD_BYTES = number("MAXIMUM_UPLOAD_BYTES", 200 * 1024**2)
# A study of scans (DICOM, or a ZIP of it), sent in chunks.
MAXIMUM_SCAN_BYTES = number("MAXIMUM_SCAN_BYTES", 2 * 1024**3)
MAXIMUM_FILES_PER_REQUEST = number("MAXIMUM_FILES_PER_REQUEST", 40)
MAXIMUM_BYTES_PER_REQUEST = number("MAXIMUM_BYTES_PER_REQUEST", 3 * 1024**3)
# So long an upload that broke off can be gone on with.
UPLOAD_DAYS = number("UPLOAD_DAYS", 7)
# A consultation is booked, moved or cancelled by the patient at least so many hours before.
BOOKING_NOTICE_HOURS = number("BOOKING_NOTICE_HOURS", 24)
# A Jitsi-compatible video service, the application it knows us by, and the secret with which tokens are signed.
# Without a service the office says how people meet; the demo has a room of its own.
VIDEO_URL = text("VIDEO_URL", f"{PUBLIC_URL}/demo/room" if DEMO else "").rstrip("/")
VIDEO_APP = text("VIDEO_APP", "healthlombardy")
VIDEO_SECRET = text("VIDEO_SECRET", f"demo-{SECRET_KEY}" if DEMO else "")
if VIDEO_URL and not DEMO and not BUILDING:
    if urlsplit(VIDEO_URL).scheme != "https":
        raise ImproperlyConfigured("VIDEO_URL must begin with https://, for example https://meet.example.org.")
    if len(VIDEO_SECRET) < 32:
        raise ImproperlyConfigured(
            "VIDEO_SECRET is missing or shorter than 32 characters; the video service has it too."
        )
# How long what is kept; `keep_retention` removes what is over. Reminders come after so many days.
DRAFT_DAYS = number("DRAFT_DAYS", 30)
DRAFT_REMINDER_DAYS = numbers("DRAFT_REMINDER_DAYS", "7,23")
NO_ANSWER_DAYS = number("NO_ANSWER_DAYS", 45)
NO_ANSWER_REMINDER_DAYS = numbers("NO_ANSWER_REMINDER_DAYS", "7,21")
# After the opinion, or after the end of a request that got none.
DOCUMENT_DAYS = number("DOCUMENT_DAYS", 365)
# After the end.
REQUEST_DAYS = number("REQUEST_DAYS", 730)
OUTBOX_BODY_DAYS = number("OUTBOX_BODY_DAYS", 30)
# What readers found wrong, after it was decided.
ERROR_REPORT_DAYS = number("ERROR_REPORT_DAYS", 90)
TRAIL_YEARS = number("TRAIL_YEARS", 5)
if TRAIL_YEARS < 5:
    raise ImproperlyConfigured(f"TRAIL_YEARS is {TRAIL_YEARS}. The trail is kept for 5 years or longer.")
# Keys in a backup are good for so long: an older one would bring back what was erased.
KEY_BACKUP_DAYS = number("KEY_BACKUP_DAYS", 30)

# --- logs: one line of JSON a record, no personal data -------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "healthlombardy.middleware.RequestIdFilter"}},
    "formatters": {
        "json": {
            "()": "healthlombardy.middleware.TerseJsonFormatter",
            "format": "{asctime}{levelname}{name}{message}{request_id}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Django's own lines quote addresses with their query; ours does not.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
        "django.security": {"level": "ERROR"},
        "django.db.backends": {"level": "WARNING"},
        # Names the passkey of a person at each sign-in.
        "fido2": {"level": "WARNING"},
    },
}
