"""The genre of a page: text to be read, or a page that sells, serves or lists."""
