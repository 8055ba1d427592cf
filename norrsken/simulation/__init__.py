"""A simulated archive that looks like Kiruna's: the true sky, aurora in magnetic coordinates, a camera, annotators.

The modules stand on one another: course → aurora; sky, weather → night → exposure → archive; truth → annotators.
Nothing of the simulation is used on real images.
"""
