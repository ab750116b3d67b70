"""What runs where a student's functions run: it calls them and knows no right answer.

A sandbox gets a copy of this folder and nothing else of the package, so nothing here imports the rest.
"""
