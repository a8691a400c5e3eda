"""The docs as a site: built by Sphinx from the Markdown pages, with pictures that are taken of a running page."""
