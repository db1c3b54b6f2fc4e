written = (written or 0) + 1

return { main = function() return written end }
