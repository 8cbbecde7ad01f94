"""Stations and other programs with a long-lived credential."""
