require("time").sleep("1ms")
return function() end
