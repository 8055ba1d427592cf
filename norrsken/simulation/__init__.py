"""A simulated archive: the true sky, aurora in magnetic coordinates, seen through any camera, and annotators.

The modules stand on one another: course → aurora; sky, weather → night → exposure → archive; truth → annotators.
Nothing of the simulation is used on real images.
"""
