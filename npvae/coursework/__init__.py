"""Coursework: what is asked of students, and the mistakes that are known."""
