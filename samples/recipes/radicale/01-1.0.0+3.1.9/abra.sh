# No configs yet.
