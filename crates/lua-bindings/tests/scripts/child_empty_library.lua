empty_was_here = true
