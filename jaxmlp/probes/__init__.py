"""Instruments: what a net is like at a moment of its training, as pure functions to be jitted and vmapped."""
