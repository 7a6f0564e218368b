"""What the delivery programs share. Each program beside this folder is a few lines over one of these modules."""
