"""Datasets given by path: folders of photos and files of arrays."""
