"""What `nebulab portal` and `nebulab access` do and print; runs in a terminal beside Galaxy."""
