--= 5
--= nil
--= false
--= nil	: went wrong	nil
--= nil	Conflict: busy	true
--= 7
--= nil	Internal: child_func_acts.lua:13: boom	false
--= app:child_func_acts	true	{
--= 1	1
--= bottom
--= nil	Invalid: cannot send a function	false
--= nil	: only a process can be upgraded	nil
--= nil	Invalid: id must have the form namespace:name, got ''	false
--= nil	Invalid: id must have the form namespace:name, got ''	false
--= nil	Invalid: id must have the form namespace:name, got 'none'	false
--= nil	Invalid: id must have the form namespace:name, got 'none'	false
--= nil	Invalid: id must have the form namespace:name, got ':none'	false
--= nil	Invalid: id must have the form namespace:name, got ':none'	false
--= nil	Invalid: id must have the form namespace:name, got 'app:'	false
--= nil	Invalid: id must have the form namespace:name, got 'app:'	false
--= nil	NotFound: entry not found: app:none	false
--= false	bad argument #1 to 'call' (string expected, got no value)
--= false	bad argument #1 to 'async' (string expected, got table)
--= funcs.Future	false	false	nil	nil	false
--= 42	true
--= true	nil	false
--= true	42	nil	false
--= true	false
--= child_func_acts.lua:13: boom	Internal	true
--= nil	child_func_acts.lua:13: boom
--= child_func_acts.lua:13: boom	true
--= true
--= true	true	true	true
--= true	Canceled	call canceled
--= nil	call canceled
--= nil	false
--= 300000	true
--= call canceled
--= true	2	true
--= true	call canceled
--= false	bad argument #1 to 'channel' (funcs.Future expected, got table)
local funcs = require("funcs")
local time = require("time")

local id = "app:child_func_acts"
local function show(value, err)
    if err then
        print(value, err:kind() .. ": " .. err:message(), err:retryable())
    else
        print(value)
    end
end

show(funcs.call(id, "add", 2, 3))
show(funcs.call(id, "nothing"))
show(funcs.call(id, "falsy"))
show(funcs.call(id, "fails"))
show(funcs.call(id, "fails_structured"))
print(select(2, funcs.call(id, "fails_structured")):details().code)
show(funcs.call(id, "raises"))
local who = funcs.call(id, "identity")
print(who.id, who.pid ~= process.pid(), who.pid:sub(1, 1))
print(funcs.call(id, "global"), funcs.call(id, "global"))
show(funcs.call(id, "nested", 20))
show(funcs.call(id, "add", 1, print))
show(funcs.call(id, "upgrade"))
for _, bad in { "", "none", ":none", "app:" } do
    show(funcs.call(bad))
    show(funcs.async(bad))
end
show(funcs.call("app:none"))
print(pcall(funcs.call))
print(pcall(funcs.async, {}))

-- futures
local future = funcs.async(id, "mail", process.pid())
print(tostring(future), future:is_complete(), future:is_canceled(), future:result(), future:error())
local ready = process.listen("ready")
local callee = ready:receive()
process.send(callee, "go", { answer = 42 })
local payload, ok = future:channel():receive()
print(payload:data().answer, ok)
print(future:channel() == future:response(), future:channel():receive())
print(future:is_complete(), future:result():data().answer, future:error())
print(future:cancel(), future:is_canceled())

future = funcs.async(id, "raises")
local err, ok = future:response():receive()
print(err, err:kind(), ok)
print(future:result())
print(future:error())

-- canceling stops the callee where it waits
future = funcs.async(id, "sleeps", process.pid())
callee = ready:receive()
print(process.monitor(callee))
print(future:cancel(), future:is_canceled(), future:is_complete(), future:cancel())
local event = process.events():receive()
print(event.from == callee, event.error:kind(), event.error)
print(future:result())
print(future:channel():receive())

-- one that computes stops where it waits next
future = funcs.async(id, "computes", process.pid(), 100000)
callee = ready:receive()
process.monitor(callee)
future:cancel()
print(process.listen("computed"):receive())
print(process.events():receive().error)

-- a select over futures and a timer
local slow, fast = funcs.async(id, "sleeps", process.pid()), funcs.async(id, "add", 1, 1)
local timer = time.after("1h")
local result = channel.select({ timer:case_receive(), slow:channel():case_receive(), fast:channel():case_receive() })
print(result.channel == fast:channel(), result.value:data(), result.ok)

-- the end of the caller is the end of the call
local watched = ready:receive()
process.monitor(watched)
local parent = process.spawn("app:child_calls", "app:processes", process.pid())
local inner = ready:receive()
process.monitor(inner)
process.terminate(parent)
event = process.events():receive()
print(event.from == inner, event.error)

-- an unknown function name in a future
print(pcall(future.channel, {}))
return slow:cancel()
