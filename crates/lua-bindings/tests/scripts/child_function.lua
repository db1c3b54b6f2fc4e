return function(...) return select("#", ...) end
