"""Settings of the web app. Everything that differs between installations comes from the environment.

| variable | what | default |
|---|---|---|
| RETINOTE_DATA_DIR | folder for media, cache and logs | var/ beside the project |
| RETINOTE_SECRET_KEY | signs sessions and tokens | none: it must be set |
| RETINOTE_MONGODB_URI | address of a MongoDB replica set | mongodb://127.0.0.1:27017/?replicaSet=rs0 |
| RETINOTE_DATABASE | database name | retinote |
| RETINOTE_MODEL_SERVER | dotted name of the function that makes the model server's client | webapp.inference.torchserve.client |
| RETINOTE_MODEL_URL | inference address of the model server | http://127.0.0.1:8080 |
| RETINOTE_MODEL_MANAGEMENT_URL | its management address | http://127.0.0.1:8081 |
| RETINOTE_MODEL_KEY_FILE | TorchServe's key file; empty when it asks for no key | empty |
| RETINOTE_MODEL_NAME | the model to ask | retina-oct |
| RETINOTE_BROKER_URL | Celery's broker | the same MongoDB |
| RETINOTE_CACHE_URL | redis:// address of a cache that several machines share | a folder in the data folder |
| RETINOTE_GATEWAY_SECRET | what the gateway shows when it asks whether a service key is good | none: nobody is answered |
| RETINOTE_METRICS_TOKEN | what Prometheus shows to read /metrics, as a bearer token | none: nobody may |
| RETINOTE_MODEL_METRICS | socket with the metrics of a model server beside this web app | none |
| RETINOTE_WORKER_METRICS_PORT | where the worker answers Prometheus, with the same token | 0: nowhere |
| RETINOTE_ALLOWED_HOSTS | host names that the app answers to, separated by commas | localhost,127.0.0.1,[::1] |
| RETINOTE_TRUSTED_ORIGINS | origins that may post forms, e.g. https://oct.example.org | none |
| RETINOTE_PROXIES | how many reverse proxies stand in front; each adds to X-Forwarded-For | 0 |
| RETINOTE_RATE_ADDRESS | requests a minute from one address; 0 for no limit | 6000 |
| RETINOTE_RATE_USER | API calls a minute of one user | 3000 |
| RETINOTE_RATE_UPLOAD | uploads, and predictions anew, a minute of one user | 600 |
| RETINOTE_RATE_EXPORT | exports and reports a minute of one user | 60 |
| RETINOTE_RATE_SIGN_IN | sign-ins, refreshes and sign-outs a minute from one address | 300 |
| RETINOTE_SIGN_IN_IDLE_MINUTES | minutes after its last refresh that a sign-in over the API, such as the page's, ends | 60 |
| RETINOTE_SIGN_IN_HOURS | hours after which it ends however it is used; 24 at most | 12 |
| RETINOTE_ADMIN_IDLE_MINUTES | minutes after its last use that a session of the administration ends | 30 |
| RETINOTE_ADMIN_HOURS | hours after which it ends however it is used; 24 at most | 8 |
| RETINOTE_HTTPS | 1 behind TLS: cookies travel encrypted only | 0 |
| RETINOTE_LOG_FORMAT | line for people, json for a log collector | line |
| RETINOTE_VERIFYING_READERS | how many readers who agree independently verify a scan's label; 0: an adjudicator alone | 2 |
| RETINOTE_MODEL_CHANGES | file in which ./retinote models notes what it did, for the audit | torchserve/changes.jsonl in the data folder |
| RETINOTE_FILE_IDENTITY | what becomes of eye, patient, date and device of a DICOM file: drop, pseudonymise or keep | pseudonymise |
| RETINOTE_DEBUG | 1 shows tracebacks in the browser; never in production | 0 |

RETINOTE_SECRET_KEY, RETINOTE_MONGODB_URI, RETINOTE_BROKER_URL and RETINOTE_CACHE_URL may stand in a file instead: NAME_FILE is
its path. docs/settings.md has the variables of all parts.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from webapp.core import logs

# Lets classes of Django be written with their model, as the type checker wants it: `ModelAdmin[Scan]`.
django_stubs_ext.monkeypatch()


def _flag(name: str) -> bool:
    return os.environ.get(name, "0").lower() in {"1", "true", "yes"}


def _words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def _count(name: str, default: int, most: int, least: int = 1) -> int:
    """A whole number from `least` to `most`."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= most):
        raise ImproperlyConfigured(f"{name} is {text!r}; give a whole number from {least} to {most}.")
    return int(text)


def _one_of(name: str, known: tuple[str, ...]) -> str:
    """One of these words; the first where none is given."""
    word = os.environ.get(name) or known[0]
    if word not in known:
        raise ImproperlyConfigured(f"{name} is {word!r}; give one of {', '.join(known)}.")
    return word


def _secret(name: str, default: str = "") -> str:
    """A variable's value, or the content of the file that NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {path} can't be read ({error.strerror}).") from error


BASE_DIR = Path(__file__).resolve().parents[1]
DATA_DIR = Path(os.environ.get("RETINOTE_DATA_DIR", BASE_DIR / "var")).absolute()

SECRET_KEY = _secret("RETINOTE_SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "RETINOTE_SECRET_KEY is not set. ./retinote up makes one; elsewhere set it to 50 random characters."
    )
DEBUG = _flag("RETINOTE_DEBUG")
HTTPS = _flag("RETINOTE_HTTPS")
ALLOWED_HOSTS = _words("RETINOTE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _words("RETINOTE_TRUSTED_ORIGINS")
PROXIES = int(os.environ.get("RETINOTE_PROXIES", "0"))

INSTALLED_APPS = [
    "webapp.mongodb.contrib.MongoAdminConfig",
    "webapp.mongodb.contrib.MongoAuthConfig",
    "webapp.mongodb.contrib.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "webapp.audit",  # before axes, whose listeners may end the telling of a failed sign-in
    "webapp.mongodb.contrib.MongoAxesConfig",
    "webapp.accounts",
    "webapp.inference",
    "webapp.gateway",
    "webapp.metrics",
    "webapp.scans",
    "webapp.recommendations",
    "webapp.annotations",
    "webapp.reviews",
    "webapp.calibration",
]
# Sign-in failures are counted in the cache, so the tables of axes are not made.
MIGRATION_MODULES = {
    "admin": "webapp.mongodb.migrations_for.admin",
    "auth": "webapp.mongodb.migrations_for.auth",
    "contenttypes": "webapp.mongodb.migrations_for.contenttypes",
    "axes": None,
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
# One machine's folder cache may lose a count when two sign-ins fail in the same instant, which a limit of eight
# survives; several machines share a Redis.
SILENCED_SYSTEM_CHECKS = ["axes.W001"]

MIDDLEWARE = [
    "webapp.metrics.middleware.MetricsMiddleware",
    "webapp.core.request_id.RequestIdMiddleware",
    "webapp.api.slashes.SlashMiddleware",
    "webapp.api.client_address.ClientAddressMiddleware",
    # What adds headers stands before all that answers by itself.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "webapp.api.security_headers.SecurityHeadersMiddleware",
    "webapp.api.body_limit.BodyLimitMiddleware",
    "webapp.api.query_once.QueryOnceMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.api.address_throttle.AddressThrottleMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",
    "webapp.audit.viewing.ViewsAreRecorded",  # around the views alone
]
ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "webapp" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

MONGODB_URI = _secret("RETINOTE_MONGODB_URI", "mongodb://127.0.0.1:27017/?replicaSet=rs0")
DATABASE_NAME = os.environ.get("RETINOTE_DATABASE", "retinote")
DATABASES = {
    "default": {
        "ENGINE": "webapp.mongodb",
        "HOST": MONGODB_URI,
        "NAME": DATABASE_NAME,
        # A server that is away, or hangs, is told of within seconds, not after the driver's half minute: of one that
        # hangs in the middle of an answer the driver's own check finds out, every 5 s for up to 4.
        "OPTIONS": {
            "serverSelectionTimeoutMS": 4000,
            "connectTimeoutMS": 4000,
            "heartbeatFrequencyMS": 5000,
            "tz_aware": False,
        },
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]

_cache_url = _secret("RETINOTE_CACHE_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache_url}
    if _cache_url
    else {
        "BACKEND": "webapp.core.counting_cache.CountingFileCache",
        "LOCATION": DATA_DIR / "cache",
        # When it is full, counts of failed sign-ins are thrown out at random: not after 300, Django's default.
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AXES_HANDLER = "webapp.accounts.lockout.LockoutHandler"
AXES_ENABLE_ADMIN = False  # its pages would show tables that are not made
AXES_FAILURE_LIMIT = 8  # of one account from one address
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# From addresses where the account never signed in; webapp/accounts/lockout.py says why.
ACCOUNT_FAILURE_LIMIT = 50
ADDRESS_FAILURE_LIMIT = 100
FAMILIAR_ADDRESS_TIME = timedelta(days=30)
AXES_LOCKOUT_CALLABLE = "webapp.accounts.lockout.too_many_failures"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
# The built page; its files carry a digest of their content in their names and may be kept for ever.
PAGE_FOLDER = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "webapp" / "static"]
if PAGE_FOLDER.is_dir():
    STATICFILES_DIRS.append(("page", PAGE_FOLDER))
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/page/assets/.+-[\w-]{8}\.\w+$"
# Static files are served from the installed packages themselves: there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # other sites have no business with them
MEDIA_ROOT = DATA_DIR / "media"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:  # A name with this prefix is set by this host alone, and never without TLS: browsers see to it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

MAX_UPLOAD_BYTES = 32 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20  # what is not a file: JSON bodies and form fields
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_IDENTITY = _one_of("RETINOTE_FILE_IDENTITY", ("pseudonymise", "drop", "keep"))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # No forms, but for uploads: they know no types, and other sites' pages can send them.
    "DEFAULT_PARSER_CLASSES": ["webapp.api.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["webapp.api.filtering.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "webapp.api.pagination.NewestFirst",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "webapp.api.errors.answer_error",
    "DEFAULT_THROTTLE_CLASSES": ["webapp.api.throttling.UserRate"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
RATES_PER_MINUTE = {
    kind: int(os.environ.get(f"RETINOTE_RATE_{kind.upper()}", rate))
    # A worklist that is scrolled through asks for ten pictures a second, and a clinic shares an address.
    for kind, rate in {"address": 6000, "user": 3000, "upload": 600, "export": 60, "sign_in": 300}.items()
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Retinote",
    "DESCRIPTION": "Uploads of retinal OCT B-scans, their predictions, annotations and reviews. "
    "Research software: no answer is a diagnosis.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "webapp.api.schema.add_errors",
    ],
    # Several fields hold it.
    "ENUM_NAME_OVERRIDES": {"StateEnum": "webapp.recommendations.answers.State"},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
# A day is the most that a sign-in lasts: whoever finds a browser open the day after is not let in.
_HOURS, _MINUTES = 24, 24 * 60
SIGN_IN_IDLE = timedelta(minutes=_count("RETINOTE_SIGN_IN_IDLE_MINUTES", 60, _MINUTES))
SIGN_IN_LIFETIME = timedelta(hours=_count("RETINOTE_SIGN_IN_HOURS", 12, _HOURS))
ADMIN_IDLE = timedelta(minutes=_count("RETINOTE_ADMIN_IDLE_MINUTES", 30, _MINUTES))
ADMIN_LIFETIME = timedelta(hours=_count("RETINOTE_ADMIN_HOURS", 8, _HOURS))
SESSION_ENGINE = "webapp.accounts.sessions"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "USER_ID_FIELD": "id",
    "CHECK_USER_IS_ACTIVE": True,
}

# Of labels from which the next model learns: one reader's slip is not to become its truth.
VERIFYING_READERS = _count("RETINOTE_VERIFYING_READERS", 2, 20, least=0)

MODEL_SERVER = os.environ.get("RETINOTE_MODEL_SERVER") or "webapp.inference.torchserve.client"
MODEL_URL = os.environ.get("RETINOTE_MODEL_URL", "http://127.0.0.1:8080")
MODEL_MANAGEMENT_URL = os.environ.get("RETINOTE_MODEL_MANAGEMENT_URL", "http://127.0.0.1:8081")
MODEL_KEY_FILE = os.environ.get("RETINOTE_MODEL_KEY_FILE", "")
MODEL_NAME = os.environ.get("RETINOTE_MODEL_NAME", "retina-oct")
GATEWAY_SECRET = os.environ.get("RETINOTE_GATEWAY_SECRET", "")
METRICS_TOKEN = os.environ.get("RETINOTE_METRICS_TOKEN", "")
MODEL_METRICS_SOCKET = os.environ.get("RETINOTE_MODEL_METRICS", "")
WORKER_METRICS_PORT = int(os.environ.get("RETINOTE_WORKER_METRICS_PORT") or 0)
MODEL_CHANGES_FILE = Path(
    os.environ.get("RETINOTE_MODEL_CHANGES") or DATA_DIR / "torchserve" / "changes.jsonl"
)
# Which the model server's workers read; nothing else of ours lies there.
CALIBRATION_DIR = Path(os.environ.get("RETINOTE_CALIBRATION_DIR") or DATA_DIR / "calibration").absolute()
# Outside of the database, where who gets into that doesn't reach.
AUDIT_HEAD_FILE = DATA_DIR / "audit-head"


def _broker_url() -> str:
    """The same MongoDB, in a database of its own beside the app's."""
    parts = urlsplit(MONGODB_URI)
    return urlunsplit(parts._replace(path=f"/{DATABASE_NAME}_broker"))


CELERY_BROKER_URL = _secret("RETINOTE_BROKER_URL") or _broker_url()
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # A lost message loses nothing: the documents themselves say what is left to do.
    "predict-queued-scans": {"task": "scans.predict_queued", "schedule": 5.0, "options": {"expires": 5}},
    "seal-audit": {"task": "audit.seal", "schedule": 5.0, "options": {"expires": 5}},
    "sweep": {"task": "scans.sweep", "schedule": timedelta(days=1), "options": {"expires": 3600}},
}

try:
    LOGGING = logs.configuration(os.environ.get("RETINOTE_LOG_FORMAT") or logs.LINE)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
