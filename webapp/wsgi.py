"""What gunicorn serves: `gunicorn webapp.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from webapp.api.chunked import with_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
application = with_chunked_bodies(get_wsgi_application())
