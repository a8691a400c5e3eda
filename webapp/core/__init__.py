"""What every app of the web app may use, and which knows none of them."""
