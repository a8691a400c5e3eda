"""MongoDB below Django: the backend with sorted lists that use the indexes, transactions, admin pages, and the migrations
of Django's own apps."""
