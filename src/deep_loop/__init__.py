"""deep-loop: an autonomous research lab that runs unattended and can be believed in the morning."""

__version__ = "0.1.0"
