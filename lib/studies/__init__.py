"""What makes the recorded numbers: one file a chapter, under the name of the chapter that prints them."""
