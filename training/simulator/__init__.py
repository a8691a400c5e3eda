"""B-scans from a model of the anatomy of the retina and of the optics that pictures it."""
