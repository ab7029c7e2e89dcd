"""Stores on other machines, reached by SSH: addresses, the connection, and the messages and files that go over it.

Nothing listens on a port: this side starts ``ssh HOST crtui … far-side``, and the two programs talk over its standard
streams. The other side judges and computes; this side keeps copies of the files that it shows.
"""
