"""Settings of the web app. Everything that differs between installations comes from the environment.

| variable | what | default |
|---|---|---|
| RETINOTE_DATA_DIR | folder for media, cache and logs | var/ beside the project |
| RETINOTE_SECRET_KEY | signs sessions and tokens | none: it must be set |
| MONGODB_URI | address of a MongoDB replica set | mongodb://127.0.0.1:27017/?replicaSet=rs0 |
| RETINOTE_DATABASE | database name | retinote |
| RETINOTE_MODEL_URL | inference address of the model server | http://127.0.0.1:8080 |
| RETINOTE_MODEL_MANAGEMENT_URL | its management address | http://127.0.0.1:8081 |
| RETINOTE_MODEL_KEY_FILE | TorchServe's key file; empty when it asks for no key | empty |
| RETINOTE_MODEL_NAME | the model to ask | retina-oct |
| RETINOTE_BROKER_URL | Celery's broker | the same MongoDB |
| RETINOTE_CACHE_URL | redis:// address of a cache that several machines share | a folder in the data folder |
| RETINOTE_ALLOWED_HOSTS | host names that the app answers to, separated by commas | localhost,127.0.0.1,[::1] |
| RETINOTE_TRUSTED_ORIGINS | origins that may post forms, e.g. https://oct.example.org | none |
| RETINOTE_HTTPS | 1 behind TLS: cookies travel encrypted only | 0 |
| RETINOTE_DEBUG | 1 shows tracebacks in the browser; never in production | 0 |
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

# Lets classes of Django be written with their model, as the type checker wants it: `ModelAdmin[Scan]`.
django_stubs_ext.monkeypatch()


def _flag(name: str) -> bool:
    return os.environ.get(name, "0").lower() in {"1", "true", "yes"}


def _words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


BASE_DIR = Path(__file__).resolve().parents[1]
DATA_DIR = Path(os.environ.get("RETINOTE_DATA_DIR", BASE_DIR / "var")).absolute()

SECRET_KEY = os.environ.get("RETINOTE_SECRET_KEY", "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "RETINOTE_SECRET_KEY is not set. ./retinote up makes one; elsewhere set it to 50 random characters."
    )
DEBUG = _flag("RETINOTE_DEBUG")
HTTPS = _flag("RETINOTE_HTTPS")
ALLOWED_HOSTS = _words("RETINOTE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _words("RETINOTE_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "webapp.contrib.MongoAdminConfig",
    "webapp.contrib.MongoAuthConfig",
    "webapp.contrib.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "webapp.contrib.MongoAxesConfig",
    "webapp.accounts",
    "webapp.inference",
    "webapp.scans",
    "webapp.recommendations",
    "webapp.annotations",
    "webapp.reviews",
]
# Sign-in failures are counted in the cache, so the tables of axes are not made.
MIGRATION_MODULES = {
    "admin": "webapp.migrations_for.admin",
    "auth": "webapp.migrations_for.auth",
    "contenttypes": "webapp.migrations_for.contenttypes",
    "axes": None,
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
# One machine's folder cache may lose a count when two sign-ins fail in the same instant, which a limit of eight
# survives; several machines share a Redis.
SILENCED_SYSTEM_CHECKS = ["axes.W001"]

MIDDLEWARE = [
    "webapp.api.request_id.RequestIdMiddleware",
    "webapp.api.body_limit.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "webapp.api.security_headers.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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

MONGODB_URI = os.environ.get("MONGODB_URI", "mongodb://127.0.0.1:27017/?replicaSet=rs0")
DATABASE_NAME = os.environ.get("RETINOTE_DATABASE", "retinote")
DATABASES = {
    "default": {
        "ENGINE": "webapp.mongodb",
        "HOST": MONGODB_URI,
        "NAME": DATABASE_NAME,
        # A server that is away is told of within seconds, not after the driver's half minute.
        "OPTIONS": {"serverSelectionTimeoutMS": 4000, "tz_aware": False},
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]

_cache_url = os.environ.get("RETINOTE_CACHE_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache_url}
    if _cache_url
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
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
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_ENABLE_ADMIN = False  # its pages would show tables that are not made
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "webapp.accounts.lockout.too_many_failures"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
# The built page; its files carry a digest of their content in their names and may be kept for ever.
PAGE_FOLDER = BASE_DIR / "webapp" / "frontend" / "dist"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "webapp" / "static"]
if PAGE_FOLDER.is_dir():
    STATICFILES_DIRS.append(("page", PAGE_FOLDER))
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/page/assets/.+-[\w-]{8}\.\w+$"
# Static files are served from the installed packages themselves: there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = DATA_DIR / "media"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

MAX_UPLOAD_BYTES = 32 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20  # what is not a file: JSON bodies and form fields
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_PERMISSIONS = 0o600

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "webapp.api.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "webapp.api.pagination.NewestFirst",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "webapp.api.errors.answer_error",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
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
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "USER_ID_FIELD": "id",
    "CHECK_USER_IS_ACTIVE": True,
}

MODEL_URL = os.environ.get("RETINOTE_MODEL_URL", "http://127.0.0.1:8080")
MODEL_MANAGEMENT_URL = os.environ.get("RETINOTE_MODEL_MANAGEMENT_URL", "http://127.0.0.1:8081")
MODEL_KEY_FILE = os.environ.get("RETINOTE_MODEL_KEY_FILE", "")
MODEL_NAME = os.environ.get("RETINOTE_MODEL_NAME", "retina-oct")


def _broker_url() -> str:
    """The same MongoDB, in a database of its own beside the app's."""
    parts = urlsplit(MONGODB_URI)
    return urlunsplit(parts._replace(path=f"/{DATABASE_NAME}_broker"))


CELERY_BROKER_URL = os.environ.get("RETINOTE_BROKER_URL") or _broker_url()
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = (
    False  # its log lines look like those of the web app, with the request's id
)
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # A lost message loses nothing: the documents themselves say what is left to do.
    "predict-queued-scans": {"task": "scans.predict_queued", "schedule": 5.0, "options": {"expires": 5}},
    "sweep": {"task": "scans.sweep", "schedule": timedelta(days=1), "options": {"expires": 3600}},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "webapp.api.request_id.RequestIdFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["request_id"], "formatter": "line"}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "axes": {"level": "WARNING"},
        # Three lines for each look at what is left to do, every five seconds.
        **{f"celery.{name}": {"level": "WARNING"} for name in ("beat", "worker.strategy", "app.trace")},
    },
}
