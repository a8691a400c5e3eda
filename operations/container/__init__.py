"""The programs that containers start: the model server, and the web app with its worker and migrations."""
