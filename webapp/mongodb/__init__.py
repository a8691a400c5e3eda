"""MongoDB below Django: a backend that sorts by indexes, transactions, and the migrations of Django's own apps."""
