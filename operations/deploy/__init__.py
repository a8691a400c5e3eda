"""`./retinote deploy`: makes and checks what an installation in containers needs beside its compose file.

It uses just the standard library and the program `openssl`, as a server that runs containers has no other packages.
"""
