"""What norrsken has made, handed to the tools that the field uses: a module for each kind of `norrsken export`.

None of them is imported unless it is used, since most need a library that the workflow does not need.
"""
