"""Files of pictures, volumes and arrays that users bring."""
