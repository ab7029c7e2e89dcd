"""The version of crtui. It counts up whenever the same call gives other numbers, so that kept ones are not reused."""

VERSION = "0.2.0.dev0"
