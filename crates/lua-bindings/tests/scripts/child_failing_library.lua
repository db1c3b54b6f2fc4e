error("library fails", 0)
