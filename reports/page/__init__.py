"""A page of a run that opens from disk: the tables of its report, its images, boxes, masks and plots.

``write_page`` makes the folder ``report/page``. Every number on the page is one of the report's tables,
of the records or of the kept boxes; the modules here only bring them into files that a browser loads.
"""
