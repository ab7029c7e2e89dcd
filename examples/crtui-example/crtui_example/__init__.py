"""What this package brings to crtui is announced in pyproject.toml."""
