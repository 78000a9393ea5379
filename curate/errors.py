"""What the user can mend, as one line."""


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one line that names it."""
