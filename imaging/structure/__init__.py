"""What a file asks for, read from its bytes before any decoder sees it: work out of proportion is refused here.

Decoders follow what a file says: how often a picture is gone over, in how many pieces it lies, how deep its lists are
nested. A small file may say much. Each module here walks one format's structure in steps that it counts itself.
"""
