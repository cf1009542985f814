"""Training the compact DMENet, and adapting it to real photos."""
