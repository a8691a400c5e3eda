"""The Django project: one app for each noun (accounts, scans, annotations, reviews, …) and the REST API over them."""
