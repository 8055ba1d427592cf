"""A simulated archive that looks like Kiruna's: the true sky, aurora in magnetic coordinates, a camera, annotators.

course → aurora; sky, weather → night → exposure → archive; truth → annotators. Nothing of it is used on real images.
"""
