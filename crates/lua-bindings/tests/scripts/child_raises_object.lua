error(errors.new({ message = "structured", kind = errors.CONFLICT }))
