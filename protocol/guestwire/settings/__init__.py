"""How the settings of a daemon are read: defaults < TOML file < environment < flags. What the settings are is each daemon's."""
