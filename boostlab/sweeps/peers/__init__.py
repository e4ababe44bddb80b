"""Packages that predict distributions, behind the names that our estimators have.

Each module wraps one package and imports it, so that a method whose package is not
installed is skipped. Parameters that a wrapper does not name keep the package's own
defaults.
"""
