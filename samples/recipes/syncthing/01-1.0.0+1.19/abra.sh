# No configs.
