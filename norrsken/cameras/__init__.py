"""What the frames of an unknown camera tell of it: its horizon circle, and its lens from the stars."""
