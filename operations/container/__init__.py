"""What the containers start: the model server, and the web app with its worker and its migrations."""
