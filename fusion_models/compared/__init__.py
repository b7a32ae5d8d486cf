"""What the methods of other authors share: how their programs read, colour and save pictures.

Each method is one file beside this folder; its rules have names here, so that every rule exists once.
"""
