"""The structure of each format, read before any decoder sees the file. A file that asks for too much work is refused.

Decoders do what a file asks for: how many scans a picture has, in how many pieces it is stored, how deep its lists
are nested. A small file may ask for much. Each module here walks one format's structure and counts its own steps.
"""
