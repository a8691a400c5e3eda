"""A clinic on this machine: a device that sends and a PACS that receives, to try an installation with."""
