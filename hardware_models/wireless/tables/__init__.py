"""Tables of modulation and coding schemes, one TOML file each; `hardware_models.wireless.mcs` reads them."""
