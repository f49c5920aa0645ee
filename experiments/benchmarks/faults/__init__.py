"""Tries to break jaxmlp from outside: command lines, Python calls, data files, nets and study folders that are wrong.

Every try follows from a seed and its number, and must end in a result or in a refusal of one line.
"""
