"""The rows that make this plant: route, limits, defect codes. Read here; migrations write them."""
