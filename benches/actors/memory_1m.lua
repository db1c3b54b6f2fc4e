return { main = function() memory("memory_1m", 1000000) end }
