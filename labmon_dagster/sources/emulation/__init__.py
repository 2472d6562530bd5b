"""What the emulators of devices share: serving them on the wire, and having them misbehave.

No reader imports anything of this, and nothing here is shared with a reader.
"""
