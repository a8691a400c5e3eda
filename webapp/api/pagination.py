"""Lists come in pages, newest first, each naming the next by a cursor that later uploads don't shift."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages of 50, up to 200 by `page_size`."""

    ordering = ("-timestamp", "-id")
    page_size_query_param = "page_size"
    max_page_size = 200
