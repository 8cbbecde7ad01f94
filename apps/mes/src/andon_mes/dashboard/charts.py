"""Geometry of the charts: numbers in, coordinates of an SVG view box out. Pure; the templates draw them."""

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 12, 28
