"""What goes back to a PACS: structured reports, segmentations and encapsulated documents that it files beside their source.

They are built on pydicom alone: highdicom's segmentations want a frame of reference, which photographs and secondary
captures do not have.
"""
