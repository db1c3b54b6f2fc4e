--= chunk	true
--= main	0	true
--= other	false	cannot resume normal coroutine
--= error: fails
local time = require("time")
print("chunk", process.pid() ~= nil, ...)
time.sleep("1ms")
first = coroutine.running()
coroutine.spawn(function() coroutine.yield() print("other", coroutine.resume(first)) end)
return { main = function(...)
    print("main", select("#", ...), coroutine.running() == first)
    time.sleep("1ms")
    return 1, "fails"
end }
