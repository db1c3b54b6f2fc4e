local time = require("time")

return { main = function() time.sleep("1ms") end }
