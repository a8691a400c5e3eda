"""The Django project: accounts, scans, annotations, reviews, recommendations and the REST API over them."""
