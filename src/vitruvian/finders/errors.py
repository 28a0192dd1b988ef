"""Errors of the finders."""


class DeviceError(ValueError):
    """A device that is unknown or not available here; one line that says which are."""


class LabelError(ValueError):
    """A label that the model does not have; one line that names the nearest one."""


class TrackingError(ValueError):
    """Tracks were asked for without what makes them."""
