return { main = function() memory("memory_100k", 100000) end }
