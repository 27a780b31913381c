"""File formats of shapes, one file per format; `registry` reads and writes by the extension."""
