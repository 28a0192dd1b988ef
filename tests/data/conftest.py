"""Being here puts this folder on the import path, so that the tests below it share ``workshop_builders``."""
