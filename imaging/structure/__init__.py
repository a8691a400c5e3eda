"""The structure of each format, read before any decoder sees the file. Work out of proportion is refused here.

Decoders follow what a file says: how often a picture is gone over, in how many pieces it lies, how deep its lists are
nested. A small file may say much. Each module here walks one format's structure in steps that it counts itself.
"""
