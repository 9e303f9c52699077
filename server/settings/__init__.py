"""What the operator decides: `parley.toml` and PARLEY_ variables, read once into a frozen object.

This package does not know what the settings are used for. It is imported at every start, before the first answer can
be given, so it imports nothing heavy; the engine process never imports it.
"""

from server.settings.adapters import split_adapter
from server.settings.fields import Settings
from server.settings.listing import SettingInfo, list_model_keys, list_settings
from server.settings.load import find_config_file, load_settings
from server.settings.model_entry import ModelEntry
from server.settings.problems import SettingsError

__all__ = [
    "ModelEntry",
    "SettingInfo",
    "Settings",
    "SettingsError",
    "find_config_file",
    "list_model_keys",
    "list_settings",
    "load_settings",
    "split_adapter",
]
