"""The error tree. A message finishes the job: where, what was given, what is allowed, what to do."""


class TaojinError(Exception):
    """Anything that taojin tells a user. `exit_code` is the process's."""

    exit_code = 1


class ConfigError(TaojinError):
    """The command line or the config is wrong; nothing was started."""

    exit_code = 2


class GuardError(TaojinError):
    """A guard stopped the run: unbalanced accounts, unreadable inputs, too few documents kept."""

    exit_code = 3


class InputError(TaojinError):
    """An input could not be read at all: named with its path and the reason."""


class OutputError(TaojinError):
    """The output folder is held by another run, damaged, or cannot be written."""
