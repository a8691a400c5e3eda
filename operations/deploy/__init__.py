"""`./retinote deploy`: what an installation in containers needs beside its compose file, made and checked.

Nothing but the standard library and the program `openssl` is used: a server that runs containers has no other packages.
"""
